import type { LlamaConfig } from 'llama-model'
import { smallConfig } from '../support.ts'

const rope = (scaling: NonNullable<LlamaConfig['rope']['scaling']>, base = 10_000) => ({ rope: { headDim: 8, base, scaling } })

const longrope = (originalLength: number) =>
  ({ kind: 'longrope', originalLength, factor: 4, shortFactors: [1, 1.05, 1.5, 2], longFactors: [1, 1.5, 3, 4.5] }) as const

/** Configurations that transformers judges: rope of every kind, grouped and full heads, tied and not, every
 * architecture. */
export const cases: Readonly<Record<string, LlamaConfig>> = {
  plain: smallConfig,
  tied: { ...smallConfig, tieWordEmbeddings: true, rmsNormEps: 1e-6, numKvHeads: 4 },
  multiQuery: { ...smallConfig, numKvHeads: 1, numLayers: 3, bosTokenId: null, eosTokenId: [2, 3] },
  abf: { ...smallConfig, ...rope({ kind: 'abf', base: 500_000 }), maxPositionEmbeddings: 512 },
  linear: { ...smallConfig, ...rope({ kind: 'linear', factor: 4 }) },
  // one pair above, one within and two below the band between 16 and 64 tokens
  llama3: {
    ...smallConfig,
    ...rope({ kind: 'llama3', factor: 8, originalLength: 64, lowFreqFactor: 1, highFreqFactor: 4 }, 500),
    maxPositionEmbeddings: 512,
  },
  yarn: { ...smallConfig, ...rope({ kind: 'yarn', factor: 4, originalLength: 16 }) },
  dynamic: { ...smallConfig, ...rope({ kind: 'dynamic', factor: 2, originalLength: 8 }), maxPositionEmbeddings: 8 },
  // the lengths of the test on both sides of the trained one
  longrope: { ...smallConfig, ...rope(longrope(8)), maxPositionEmbeddings: 32 },
  longropeShort: { ...smallConfig, ...rope(longrope(64)), maxPositionEmbeddings: 256 },
  biases: { ...smallConfig, attentionBias: 'all', mlpBias: true },
  mistral: { ...smallConfig, modelType: 'mistral', slidingWindow: 5 },
  qwen2: { ...smallConfig, modelType: 'qwen2', attentionBias: 'qkv', bosTokenId: null, tieWordEmbeddings: true },
  qwen2Window: {
    ...smallConfig,
    ...rope({ kind: 'yarn', factor: 4, originalLength: 16 }, 1_000_000),
    ...{ modelType: 'qwen2', attentionBias: 'qkv', numLayers: 3, slidingWindow: 4, fullAttentionLayers: [0] },
  },
  qwen3: { ...smallConfig, modelType: 'qwen3', queryKeyNorm: true, numHeads: 5, numKvHeads: 1 },
  smollm3: {
    ...smallConfig,
    ...rope({ kind: 'none' }, 2_000_000),
    ...{ modelType: 'smollm3', numLayers: 4, noRopeLayers: [1, 3], tieWordEmbeddings: true },
  },
}

export const caseLength = 12

/** One row of three documents and padding, and the same documents by themselves. */
export const packed = {
  documents: [
    [5, 9, 13, 2, 30],
    [7, 1, 39],
    [11, 3, 22, 17],
  ],
  lossWeights: [
    [1, 0, 2, 1, 0.5],
    [1, 1, 1],
    [0, 1, 1, 3],
  ],
  rowLength: 14,
} as const
