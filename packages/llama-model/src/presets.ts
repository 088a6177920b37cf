import type { LlamaConfig } from './config.ts'

const llama2 = {
  vocabSize: 32_000,
  headDim: 128,
  maxPositionEmbeddings: 4096,
  rope: { headDim: 128, base: 10_000 },
  rmsNormEps: 1e-5,
  tieWordEmbeddings: false,
  initializerRange: 0.02,
  bosTokenId: 1,
  eosTokenId: 2,
} as const

const sizes = (hiddenSize: number, intermediateSize: number, numLayers: number, numHeads: number, numKvHeads: number) => ({
  ...llama2,
  hiddenSize,
  intermediateSize,
  numLayers,
  numHeads,
  numKvHeads,
})

/**
 * Llama 2 as released (Touvron et al. 2023, table 1; 34B in the shape of Code Llama 34B), before its context is extended, and a model
 * of 100 thousand parameters over bytes for tests and examples.
 */
export const presets = {
  'llama2-7b': sizes(4096, 11_008, 32, 32, 32),
  'llama2-13b': sizes(5120, 13_824, 40, 40, 40),
  'llama2-34b': sizes(8192, 22_016, 48, 64, 8),
  'llama2-70b': sizes(8192, 28_672, 80, 64, 8),
  tiny: {
    ...sizes(64, 192, 2, 4, 2),
    vocabSize: 256,
    headDim: 16,
    maxPositionEmbeddings: 256,
    rope: { headDim: 16, base: 10_000 },
    tieWordEmbeddings: true,
    bosTokenId: null,
    eosTokenId: null,
  },
} as const satisfies Record<string, LlamaConfig>

export type PresetName = keyof typeof presets
