import { ParquetWriter, type Writer } from 'hyparquet-writer'
import { checkCount } from '../check.ts'
import type { Row } from '../types.ts'
import { ignored, keys, rowSchema } from './columns.ts'

export interface WriteOptions {
  /**
   * 'keep' (default): every row has rowLength tokens, as trainers want that stack rows; padding is a sequence of its own whose labels are
   * −100. 'drop': rows end with their last token, for engines of variable length.
   */
  readonly padding?: 'keep' | 'drop'
  /** Also a column `loss_weights`, which weights other than 0 and 1 need: labels cannot tell them. Default false. */
  readonly lossWeights?: boolean
  /** The token of the rows' padding, for reading back; default 0. */
  readonly paddingToken?: number
  /** Rows that are encoded, and held, at a time. Default: those of about a million tokens. */
  readonly rowGroup?: number
}

const tokensOfGroup = 2 ** 20

/**
 * Writes rows as Parquet: `input_ids`, `position_ids`, `labels` (the token, or −100 where its loss weight is 0) and `seq_lengths`, lists of
 * int32, and `padding`, the number of padding tokens at the end. `datasets` reads it, and transformers and TRL train on it as it is: they
 * shift the labels, and tell segments by positions that restart. axolotl's pre-tokenised format has an `attention_mask`, too:
 * `dataset.map(lambda row: {"attention_mask": [1] * len(row["input_ids"])})`. `writer` is a `ByteWriter` or `fileWriter(path)` of
 * hyparquet-writer, and is finished.
 * @returns the rows and tokens written, padding not counted.
 * @throws RangeError for no rows, rows of different lengths, or a loss weight that labels cannot tell.
 * @see https://huggingface.co/docs/trl/sft_trainer#packing, https://docs.axolotl.ai/docs/dataset-formats/tokenized.html
 */
export async function writeRows(
  rows: Iterable<Row>,
  writer: Writer,
  { padding = 'keep', lossWeights = false, paddingToken = 0, rowGroup }: WriteOptions = {},
): Promise<{ readonly rows: number; readonly tokens: number }> {
  if (rowGroup !== undefined) checkCount('writeRows: rowGroup', rowGroup)
  if (padding !== 'keep' && padding !== 'drop')
    throw new RangeError(`writeRows: padding is '${padding}'; choose 'keep' (default) or 'drop'.`)
  let file: ParquetWriter | undefined // begun with the first row: without one there is nothing to write
  let group = emptyColumns()
  let rowLength = 0
  let [numRows, numTokens] = [0, 0]

  async function flush(): Promise<void> {
    file ??= new ParquetWriter({
      writer,
      schema: rowSchema(lossWeights),
      statistics: false, // of tokens nobody asks the least and the largest
      kvMetadata: [
        { key: keys.rowLength, value: String(rowLength) },
        { key: keys.paddingToken, value: String(paddingToken) },
      ],
      createdBy: 'seq-packer',
    })
    const { padding, ...lists } = group
    const columnData = [
      ...Object.entries(lists).map(([name, data]) => ({
        name,
        data,
        // positions grow by one: as differences they take no room
        ...(name === 'position_ids' ? { encoding: 'DELTA_BINARY_PACKED' as const } : {}),
      })),
      { name: 'padding', data: padding },
    ]
    await file.write({
      columnData: lossWeights ? columnData : columnData.filter(({ name }) => name !== 'loss_weights'),
      rowGroupSize: group.input_ids.length,
    })
    group = emptyColumns()
  }

  for (const row of rows) {
    if (numRows === 0) rowLength = row.tokens.length
    else if (row.tokens.length !== rowLength)
      throw new RangeError(`writeRows: rows of ${rowLength} and of ${row.tokens.length} tokens in one file. Pack all with one rowLength.`)
    numTokens += addRow(group, row, { padding, lossWeights, index: numRows++ })
    if (group.input_ids.length >= (rowGroup ?? Math.max(1, Math.floor(tokensOfGroup / rowLength)))) await flush()
  }
  if (numRows === 0) throw new RangeError('writeRows: there are no rows to write. Are there documents, and do they fill a row?')
  if (group.input_ids.length > 0) await flush()
  await file?.finish()
  return { rows: numRows, tokens: numTokens }
}

interface Columns {
  readonly input_ids: number[][]
  readonly position_ids: number[][]
  readonly labels: number[][]
  readonly seq_lengths: number[][]
  readonly loss_weights: number[][]
  readonly padding: number[]
}
const emptyColumns = (): Columns => ({ input_ids: [], position_ids: [], labels: [], seq_lengths: [], loss_weights: [], padding: [] })

interface RowOptions {
  readonly padding: 'keep' | 'drop'
  readonly lossWeights: boolean
  readonly index: number
}

/** Returns the number of tokens that are no padding. */
function addRow(columns: Columns, { tokens, segmentIds, positions, lossWeights: weights }: Row, options: RowOptions): number {
  const { padding, lossWeights, index } = options
  let used = tokens.length
  while (used > 0 && segmentIds[used - 1] === 0) used--
  const end = padding === 'keep' ? tokens.length : used
  const seqLengths: number[] = []
  const labels: number[] = []
  for (let t = 0; t < end; t++) {
    if (t === 0 || segmentIds[t] !== segmentIds[t - 1]) seqLengths.push(0)
    seqLengths[seqLengths.length - 1]!++
    const weight = weights[t]!
    if (weight !== 0 && weight !== 1 && !lossWeights)
      throw new RangeError(
        `writeRows: row ${index} has the loss weight ${weight} at ${t}; labels tell only 0 and 1. Pass lossWeights: true.`,
      )
    labels.push(weight === 0 ? ignored : tokens[t]!)
  }
  const slice = (values: Int32Array | Float32Array): number[] => Array.from(end === values.length ? values : values.subarray(0, end))
  const positionIds = slice(positions)
  for (let t = used; t < end; t++) positionIds[t] = t - used // a sequence like the others
  columns.input_ids.push(slice(tokens))
  columns.position_ids.push(positionIds)
  columns.labels.push(labels)
  columns.seq_lengths.push(seqLengths)
  columns.padding.push(end - used)
  if (lossWeights) columns.loss_weights.push(slice(weights))
  return used
}
