import { checkDocument } from './check.ts'
import { append, type OpenRow, type Origin, openRow, type Piece } from './open-row.ts'
import { type PackOptions, type PackSettings, packSettings } from './pack-options.ts'
import { asResumable, checkSame, fieldsOf, listOf, resumable, wholeNumber } from './resumable.ts'
import type { Document, Json, Resumable, Row } from './types.ts'

/**
 * Documents in, rows of one length out; nothing is lost (unless `overlong: 'truncate'`), nothing doubled, and the documents of a row
 * stand in the order of the stream.
 * A document that is cut goes on as a segment of its own: positions restart, and the first token of every piece has loss weight 0.
 * Reads no document before it is needed. Ends with the documents, after the rows still open.
 *
 * State: that of `documents` before the oldest document of which a part is still here, and where in the open rows its parts lie; `restore`
 * reads those documents again. `documents` is resumed with it: a stream of `mix`, an array, or anything else with `state` and `restore`.
 * @throws TypeError or RangeError for options that cannot work, and, when it is reached, for a document that cannot be packed, by its id.
 * @see Xiong et al. 2023, §4.3 (short data concatenated, long instances one per row); Csirik & Johnson 2001, for rows closed oldest first
 */
export function pack(documents: Iterable<Document>, options: PackOptions): Resumable<Row> {
  const settings = packSettings(options)
  const { rowLength, segments, overlong, openRows } = settings
  const input = asResumable('pack: documents', documents)
  const lengthOf = ({ tokens }: Document) => (overlong === 'split' ? tokens.length : Math.min(tokens.length, rowLength))
  let open: OpenRow<Json>[] = []
  let read = 0
  let current: Origin<Json> | undefined
  let offset = 0 // what of `current` has been placed

  function readDocument(): Origin<Json> | undefined {
    const before = input.state()
    const { value: document, done } = input.next()
    if (done) return undefined
    checkDocument('pack', document)
    return { document, serial: read++, before }
  }

  function nextPiece(): Piece<Json> | undefined {
    if (!current || offset === lengthOf(current.document)) {
      const following = readDocument()
      if (!following) return undefined // `current` stays: while rows are still open, the state counts from it
      current = following
      offset = 0
    }
    const start = offset
    offset = Math.min(start + pieceLength(settings, open), lengthOf(current.document))
    return { origin: current, start, end: offset }
  }

  /** At most one row becomes ready with each piece. */
  function place(piece: Piece<Json>): OpenRow<Json> | undefined {
    const found = choose(settings, open, piece.end - piece.start)
    const target = found ?? openRow(settings)
    append(target, piece, segments)
    if (target.used === rowLength) {
      if (found) open.splice(open.indexOf(found), 1)
      return target
    }
    if (found) return undefined
    open.push(target)
    return open.length > openRows ? open.shift() : undefined
  }

  function next(): Row | undefined {
    for (let piece = nextPiece(); piece; piece = nextPiece()) {
      const ready = place(piece)
      if (ready) return ready.row
    }
    return open.shift()?.row
  }

  function state(): Json {
    const held = open.flatMap(({ pieces }) => pieces.map(({ origin }) => origin))
    if (current && offset < lengthOf(current.document)) held.push(current)
    const oldest = held.reduce<Origin<Json> | undefined>((a, b) => (a && a.serial < b.serial ? a : b), undefined)
    const from = oldest?.serial ?? read
    const rows = open.map(({ pieces }) => pieces.map(({ origin, start, end }) => [origin.serial - from, start, end]))
    return { kind: 'pack', ...settings, input: oldest?.before ?? input.state(), documents: read - from, offset, open: rows }
  }

  function restore(state: Json): void {
    const fields = fieldsOf('pack', state, 'pack')
    checkSame('pack', fields, { ...settings })
    const numDocuments = wholeNumber('pack.restore: documents', fields.documents)
    const rows = listOf('pack.restore: open', fields.open).map((pieces) => listOf('pack.restore: a row', pieces))
    input.restore(fields.input ?? null)
    read = 0
    const origins = Array.from({ length: numDocuments }, readDocument)
    current = origins.at(-1)
    offset = wholeNumber('pack.restore: offset', fields.offset)
    open = rows.map((pieces) => {
      const target = openRow<Json>(settings)
      for (const entry of pieces) {
        const [index, start, end] = listOf('pack.restore: a piece', entry).map((value) => wholeNumber('pack.restore: a piece', value))
        const origin = origins[index!]
        if (!origin || !(start! < end! && end! <= lengthOf(origin.document)) || target.used + end! - start! >= rowLength)
          throw new RangeError(`pack.restore: ${JSON.stringify(entry)} is no piece of these documents. Pass the same data as before.`)
        append(target, { origin, start: start!, end: end! }, segments)
      }
      return target
    })
    if (current && offset > lengthOf(current.document))
      throw new RangeError(`pack.restore: document '${current.document.id}' has fewer than ${offset} tokens. Pass the same data as before.`)
  }
  return resumable(next, state, restore)
}

/** Most tokens that the next piece may have. */
const pieceLength = ({ strategy, rowLength }: PackSettings, open: readonly OpenRow<Json>[]): number =>
  rowLength - (strategy === 'concat' ? (open[0]?.used ?? 0) : 0)

/** The open row that `length` tokens go into; undefined for a new one. */
function choose({ strategy, rowLength }: PackSettings, open: readonly OpenRow<Json>[], length: number): OpenRow<Json> | undefined {
  let best: OpenRow<Json> | undefined
  for (const row of open) {
    if (row.used + length > rowLength || (best && best.used >= row.used)) continue
    if (strategy !== 'best-fit') return row
    best = row
  }
  return best
}
