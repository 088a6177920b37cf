import type * as tf from '@tensorflow/tfjs-core'
import type { RopeTable } from 'rope-abf/tfjs'
import { type LlamaConfig, windowOf } from '../config.ts'
import { hasKernel, runKernel } from '../ops/kernels.ts'
import type { Params } from '../params.ts'
import type { KeySegments, LayerCache } from './layer-cache.ts'

const fewRows = 8 // that the kernel takes

/** Parameters of a layer by the kernel's names for them. */
const weightNames = {
  attentionNorm: 'input_layernorm',
  query: 'self_attn.q_proj',
  key: 'self_attn.k_proj',
  value: 'self_attn.v_proj',
  output: 'self_attn.o_proj',
  mlpNorm: 'post_attention_layernorm',
  gate: 'mlp.gate_proj',
  up: 'mlp.up_proj',
  down: 'mlp.down_proj',
} as const

/** What the layers of one pass share. */
interface Step {
  readonly params: Params
  readonly config: LlamaConfig
  readonly cache: readonly LayerCache[]
  readonly batchSize: number
  readonly length: number
  readonly table: RopeTable
  readonly keySegments: KeySegments
}

/**
 * A layer, x [N, C] → [N, C], for a few tokens in one kernel, `LlamaLayer`, which writes the cache; undefined where the backend, the
 * architecture or the number of tokens wants `block`.
 */
export function layerStep(step: Step): ((x: tf.Tensor, layer: number) => tf.Tensor) | undefined {
  const { params, config, cache, batchSize, length, table, keySegments } = step
  const { numHeads, numKvHeads, headDim, rmsNormEps: epsilon, noRopeLayers = [] } = config
  const isPlain = !config.lora && !config.attentionBias && !config.mlpBias && !config.queryKeyNorm
  const turnsAll = !table.key && 2 * table.cos.shape[3] === headDim
  if (!isPlain || !turnsAll || batchSize * length > fewRows || !hasKernel('LlamaLayer') || !cache[0]?.reserve) return undefined
  return (x, layer) => {
    const { inputs, attrs } = cache[layer]!.reserve!([batchSize, length, numKvHeads, headDim], keySegments, windowOf(config, layer))
    const all: Record<string, tf.Tensor> = { x, ...inputs }
    for (const [key, weight] of Object.entries(weightNames)) all[key] = params[`model.layers.${layer}.${weight}.weight`]!
    if (!noRopeLayers.includes(layer)) Object.assign(all, { cos: table.cos, sin: table.sin })
    return runKernel('LlamaLayer', all, { ...attrs, batchSize, numHeads, numKvHeads, epsilon }) as unknown as tf.Tensor
  }
}
