import type { LlamaConfig } from '../config.ts'
import { hasKernel } from '../ops/kernels.ts'
import type { LayerCache } from './layer-cache.ts'
import { piecewiseCache } from './piecewise-cache.ts'
import { preallocatedCache } from './preallocated-cache.ts'

/** The cache of one layer, for prompts of `numTokens` tokens and those that follow. */
export function layerCache({ headDim }: LlamaConfig, numTokens: number): LayerCache {
  return hasKernel('FlashAttentionCached') && headDim <= 256 ? preallocatedCache(numTokens) : piecewiseCache()
}
