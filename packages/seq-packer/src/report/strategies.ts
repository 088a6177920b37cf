import { cutLengths } from '../cut-lengths.ts'
import { planRows } from '../plan-rows.ts'

/** What a way of packing makes of lengths. */
export interface StrategyUse {
  readonly name: string
  readonly rows: number
  /** Tokens ÷ (tokens + padding). */
  readonly fraction: number
  /** Documents that lie in more than one row. */
  readonly cut: number
  /** Tokens that no row holds. */
  readonly dropped: number
}

/** Counts rows, padding and cuts of every strategy for rows of `rowLength`; `buffer` documents are known ahead in one of them. */
export function compareStrategies(lengths: ArrayLike<number>, rowLength: number, buffer = 10_000): StrategyUse[] {
  const overlong = 'split'
  const pieces = cutLengths(lengths, { rowLength, overlap: 0, overlong }).lengths
  let [tokens, longer, crossing, chunks] = [0, 0, 0, 0]
  for (let i = 0; i < lengths.length; i++) {
    const length = lengths[i]!
    if (Math.floor(tokens / rowLength) !== Math.floor((tokens + length - 1) / rowLength)) crossing++
    if (length > rowLength) longer++
    chunks += Math.floor(length / rowLength)
    tokens += length
  }
  const use = (name: string, rows: number, cut: number, dropped = 0): StrategyUse => ({
    name,
    rows,
    fraction: rows === 0 ? 0 : (tokens - dropped) / (rows * rowLength),
    cut,
    dropped,
  })
  return [
    use('concat', Math.ceil(tokens / rowLength), crossing),
    use('best fit, all documents known', planRows(pieces, { rowLength }).starts.length - 1, longer),
    use(`best fit, a buffer of ${buffer.toLocaleString('en-US')}`, planRows(pieces, { rowLength, buffer }).starts.length - 1, longer),
    use('pad', pieces.length, longer),
    use('chunk', chunks, longer, tokens - chunks * rowLength),
  ]
}
