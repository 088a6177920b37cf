import { checkDocument } from './check.ts'
import { cutLengths } from './cut-lengths.ts'
import { checkRow } from './pack-options.ts'
import { emptyRow, write } from './piece.ts'
import { planRows } from './plan-rows.ts'
import { randomFrom, shuffledIndices } from './random.ts'
import { checkSame, fieldsOf, resumable, wholeNumber } from './resumable.ts'
import type { Document, Json, Resumable, Row, Stored } from './types.ts'

export interface PackAllOptions {
  /** Tokens of a row, at least 2. */
  readonly rowLength: number
  /** A whole number: rows come in an order of its own, for a plan makes the long ones first. */
  readonly seed: number
  /** Fills the rest of a row; default 0. */
  readonly paddingToken?: number
  /** Of a document longer than a row; default 'split'. As in `pack`. */
  readonly overlong?: 'split' | 'truncate' | 'refuse'
  /** Tokens before a cut that are repeated after it; default 0. As in `pack`. */
  readonly overlap?: number
}

/**
 * The rows of a plan over all documents at once, best-fit-decreasing (`planRows`): as few rows as there can be, to a fraction of a per cent.
 * The documents of a row stand in the order of `documents`. Reads them row by row, and holds no more than one row of them.
 * The state is the number of rows handed out.
 * @throws RangeError for options that cannot work, no documents, or a document that cannot be packed.
 * @see Johnson 1973; Ding et al. 2024, §3
 */
export function packAll(documents: readonly Document[] | Stored<Document>, options: PackAllOptions): Resumable<Row> {
  const { rowLength, seed, paddingToken = 0, overlong = 'split', overlap = 0 } = options
  const settings = { rowLength, paddingToken, overlong, overlap }
  checkRow('packAll', settings)
  if (!Number.isSafeInteger(seed)) throw new RangeError(`packAll: seed is ${seed}; it must be a whole number.`)
  const { lengths, at }: Stored<Document> =
    'at' in documents && 'lengths' in documents
      ? documents
      : { lengths: documents.map(({ tokens }) => tokens?.length), at: (index) => documents[index]! }
  if (lengths.length === 0) throw new RangeError('packAll: there are no documents; give at least one.')
  let tokens = 0
  for (let i = 0; i < lengths.length; i++) {
    const length = lengths[i]!
    if (!(length >= 1)) throw new RangeError(`packAll: document ${i} has ${length} tokens. Leave out empty documents.`)
    if (overlong === 'refuse' && length > rowLength)
      throw new RangeError(
        `packAll: document ${i}, '${at(i).id}', has ${length} tokens, a row ${rowLength}. ` +
          "Leave it out, choose a longer rowLength, or overlong 'split' or 'truncate'.",
      )
    tokens += length
  }
  const pieces = cutLengths(lengths, settings)
  const { order, starts } = planRows(pieces.lengths, { rowLength })
  const rows = Uint32Array.from(shuffledIndices(starts.length - 1, randomFrom(`${seed}/rows`)))
  let index = 0

  function next(): Row | undefined {
    if (index === rows.length) return undefined
    const planned = rows[index]!
    const row = emptyRow(settings)
    let used = 0
    for (let slot = starts[planned]!; slot < starts[planned + 1]!; slot++) {
      const piece = order[slot]!
      const number = pieces.documentOf(piece)
      const start = pieces.startOf(piece)
      const end = start + pieces.lengths[piece]!
      const document = at(number)
      checkDocument('packAll', document)
      if (document.tokens.length !== lengths[number])
        throw new RangeError(
          `packAll: document ${number}, '${document.id}', has ${document.tokens.length} tokens; it was planned with ${lengths[number]}. Pass the same data.`,
        )
      const fresh = start > 0 ? start + overlap : 0
      write(row, document, { start, fresh, end }, { at: used, begin: used, segmentId: slot - starts[planned]! + 1 })
      used += end - start
    }
    index++
    return row
  }
  const made = { ...settings, seed, documents: lengths.length, tokens }
  const state = (): Json => ({ kind: 'packAll', ...made, index })
  const restore = (state: Json): void => {
    const fields = fieldsOf('packAll', state, 'packAll')
    checkSame('packAll', fields, made)
    index = wholeNumber('packAll.restore: index', fields.index)
  }
  return resumable(next, state, restore)
}
