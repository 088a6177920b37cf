import { type AsyncBuffer, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet'
import { checkCount } from '../check.ts'
import type { Row } from '../types.ts'
import { ignored, keys } from './columns.ts'

export interface ReadOptions {
  /** Index of the first row. Default 0: with the number of rows read so far a reader goes on where another stopped. */
  readonly from?: number
  /** Rows that are shorter are padded to it. Default: that of the rows written, where `writeRows` did so; else each row keeps its own length. */
  readonly rowLength?: number
}

interface Columns {
  readonly input_ids: ArrayLike<number>
  readonly position_ids: ArrayLike<number> | undefined
  readonly labels: ArrayLike<number> | undefined
  readonly seq_lengths: ArrayLike<number> | undefined
  readonly loss_weights: ArrayLike<number> | undefined
  readonly padding: number | undefined
}
const known = ['input_ids', 'position_ids', 'labels', 'seq_lengths', 'loss_weights', 'padding']

/**
 * Reads rows back from Parquet, one row group at a time. Of the columns of `writeRows` only `input_ids` must be there, so files of TRL's
 * `pack_dataset` can be read too: segments come from `seq_lengths`, else from `position_ids` that restart, else a row is one segment;
 * weights from `loss_weights`, else `labels`, else 1 for every token but the first of a segment.
 * `file` is hyparquet's: `asyncBufferFromFile(path)`, `asyncBufferFromUrl({ url })` or an ArrayBuffer.
 * @throws RangeError for a file without `input_ids`, or a row whose columns contradict each other.
 */
export async function* readRows(file: AsyncBuffer, options: ReadOptions = {}): AsyncGenerator<Row, void> {
  const { from = 0 } = options
  checkCount('readRows: from', from, 0)
  if (options.rowLength !== undefined) checkCount('readRows: rowLength', options.rowLength)
  const metadata = await parquetMetadataAsync(file)
  const names = parquetSchema(metadata).children.map(({ element }) => element.name)
  if (!names.includes('input_ids'))
    throw new RangeError(
      `readRows: the file has no column input_ids, but ${names.join(', ')}. Rows are written by writeRows; texts have to be tokenised and packed first.`,
    )
  const columns = known.filter((name) => names.includes(name))
  const own = (name: string): string | undefined => metadata.key_value_metadata?.find(({ key }) => key === name)?.value
  const rowLength = options.rowLength ?? (own(keys.rowLength) === undefined ? undefined : Number(own(keys.rowLength)))
  const paddingToken = Number(own(keys.paddingToken) ?? 0)
  let rowStart = 0
  for (const { num_rows } of metadata.row_groups) {
    const rowEnd = rowStart + Number(num_rows)
    if (rowEnd > from) {
      const start = Math.max(rowStart, from)
      const rows = await parquetReadObjects({ file, metadata, columns, rowStart: start, rowEnd })
      for (const [i, { input_ids, position_ids, labels, seq_lengths, loss_weights, padding }] of rows.entries()) {
        const row: Columns = { input_ids, position_ids, labels, seq_lengths, loss_weights, padding }
        yield toRow(row, { index: start + i, rowLength, paddingToken })
      }
    }
    rowStart = rowEnd
  }
}

interface RowOptions {
  readonly index: number
  readonly rowLength: number | undefined
  readonly paddingToken: number
}

function toRow(columns: Columns, { index, rowLength, paddingToken }: RowOptions): Row {
  const { input_ids, labels, loss_weights, padding = 0 } = columns
  const seqLengths = lengthsOf(columns, index)
  const used = input_ids.length - padding
  const length = rowLength ?? input_ids.length
  if (used > length) throw new RangeError(`readRows: row ${index} has ${used} tokens, beyond the rowLength ${length}. Choose a longer one.`)
  const row = {
    tokens: new Int32Array(length).fill(paddingToken),
    segmentIds: new Int32Array(length),
    positions: new Int32Array(length),
    lossWeights: new Float32Array(length),
  }
  let t = 0
  for (const [segment, tokens] of (padding > 0 ? seqLengths.slice(0, -1) : seqLengths).entries())
    for (let position = 0; position < tokens; position++, t++) {
      row.tokens[t] = Number(input_ids[t]) // INT64 comes as bigint
      row.segmentIds[t] = segment + 1
      row.positions[t] = position
      row.lossWeights[t] = loss_weights ? loss_weights[t]! : position === 0 || (labels && Number(labels[t]) === ignored) ? 0 : 1
    }
  return row
}

function lengthsOf({ input_ids, position_ids, seq_lengths }: Columns, index: number): number[] {
  if (seq_lengths) {
    const lengths = Array.from(seq_lengths, Number)
    const sum = lengths.reduce((total, length) => total + length, 0)
    if (sum === input_ids.length) return lengths
    throw new RangeError(
      `readRows: row ${index} has ${input_ids.length} input_ids, but seq_lengths of ${sum} in all. Write the file again.`,
    )
  }
  const lengths: number[] = []
  for (let t = 0; t < input_ids.length; t++) {
    if (t === 0 || (position_ids && Number(position_ids[t]) === 0)) lengths.push(0)
    lengths[lengths.length - 1]!++
  }
  return lengths
}
