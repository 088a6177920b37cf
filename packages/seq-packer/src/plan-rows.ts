import { checkCount } from './check.ts'
import { bestFitDecreasing } from './plan-all.ts'
import { longestFirst } from './plan-buffered.ts'

/** Which lengths share a row: row r holds `order[starts[r]] … order[starts[r + 1] − 1]`, indices into the lengths. */
export interface RowPlan {
  /** Every index once. */
  readonly order: Uint32Array
  /** One more than there are rows. */
  readonly starts: Uint32Array
  /** `Σ lengths / (rows · rowLength)`, in [0, 1]; 0 without rows. */
  readonly fraction: number
}

export interface PlanOptions {
  /** Tokens of a row. */
  readonly rowLength: number
  /**
   * Lengths known at a time. Default: all, sorted and placed best-fit-decreasing, each into the row with the least room that takes it.
   * With a number the plan reads the lengths once, in order: a row starts with the oldest length in the buffer and goes on with the
   * longest that fits, so that none waits for more than `buffer` rows.
   */
  readonly buffer?: number
}

/**
 * Plans rows for any number of lengths in typed arrays, each as long as the lengths. O(n), up to the few words that a
 * set of lengths looks at. For bins as lists, and other rules, see `packLengths`.
 * @throws RangeError for a rowLength or buffer that is no whole number ≥ 1, or a length that is none or exceeds rowLength.
 * @see Johnson 1973 (best-fit-decreasing, at most `11/9·OPT + 4` rows)
 */
export function planRows(lengths: ArrayLike<number>, { rowLength, buffer }: PlanOptions): RowPlan {
  checkCount('planRows: rowLength', rowLength)
  if (buffer !== undefined) checkCount('planRows: buffer', buffer)
  let tokens = 0
  for (let i = 0; i < lengths.length; i++) {
    const length = lengths[i]!
    if (!(Number.isSafeInteger(length) && length >= 1)) checkCount(`planRows: lengths[${i}]`, length)
    if (length > rowLength) throw new RangeError(`planRows: lengths[${i}] is ${length}, beyond the rowLength ${rowLength}. Split it first.`)
    tokens += length
  }
  const { order, starts } = buffer === undefined ? bestFitDecreasing(lengths, rowLength) : longestFirst(lengths, rowLength, buffer)
  const numRows = starts.length - 1
  return { order, starts, fraction: numRows === 0 ? 0 : tokens / (numRows * rowLength) }
}
