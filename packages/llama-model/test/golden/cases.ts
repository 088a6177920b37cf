import type { LlamaConfig } from 'llama-model'
import { smallConfig } from '../support.ts'

const rope = (scaling: NonNullable<LlamaConfig['rope']['scaling']>, base = 10_000) => ({ rope: { headDim: 8, base, scaling } })

/** Configurations that transformers judges: rope in every spelling a Llama checkpoint uses, grouped and full heads, tied and not. */
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
