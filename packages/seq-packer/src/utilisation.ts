import type { Row } from './types.ts'

export interface Utilisation {
  readonly rows: number
  /** Without padding. */
  readonly tokens: number
  readonly padding: number
  readonly segments: number
  /** Tokens whose loss weight is positive. */
  readonly lossTokens: number
  /** `tokens / (tokens + padding)`, in [0, 1]; 0 without rows. */
  readonly fraction: number
}

/** Counts how well rows are filled. Reads `rows` to the end: of an endless stream pass a part. */
export function utilisation(rows: Iterable<Pick<Row, 'segmentIds' | 'lossWeights'>>): Utilisation {
  const count = { rows: 0, tokens: 0, padding: 0, segments: 0, lossTokens: 0 }
  for (const { segmentIds, lossWeights } of rows) {
    count.rows++
    let last = 0
    segmentIds.forEach((id, t) => {
      if (id === 0) count.padding++
      else count.tokens++
      if (id > last) count.segments++
      last = id
      if (lossWeights[t]! > 0) count.lossTokens++
    })
  }
  return { ...count, fraction: count.rows === 0 ? 0 : count.tokens / (count.tokens + count.padding) }
}
