import { append, type OpenRow, openRow } from './open-row.ts'
import { pieceBuffer } from './pack-buffer.ts'
import { type PackOptions, type PackSettings, packSettings } from './pack-options.ts'
import { type Place, readState, writeState } from './pack-state.ts'
import { lengthOf, type Piece } from './piece.ts'
import { piecesOf } from './pieces-of.ts'
import { asResumable, checkSame, resumable } from './resumable.ts'
import type { Document, Json, Resumable, Row } from './types.ts'

/**
 * Documents in, rows of one length out; nothing is lost (unless `overlong: 'truncate'` or strategy 'chunk'), nothing doubled, and the
 * documents of a row stand in the order of the stream.
 * A document that is cut goes on as a segment of its own: positions restart, and the first token of every piece has loss weight 0 (with
 * `overlap`, those that are repeated).
 * Reads no document before it is needed, but for a `buffer`. Ends with the documents, after the rows still open.
 *
 * State: that of `documents` before the oldest document of which a part is still here, and where its parts and all later ones lie; `restore`
 * reads those documents again. `documents` is resumed with it: a stream of `mix`, an array, or anything else with `state` and `restore`.
 * @throws TypeError or RangeError for options that cannot work, and, when it is reached, for a document that cannot be packed, by its id.
 * @see Xiong et al. 2023, §4.3 (short data concatenated, long instances one per row); Csirik & Johnson 2001, for rows closed oldest first
 */
export function pack(documents: Iterable<Document>, options: PackOptions): Resumable<Row> {
  const settings = packSettings(options)
  const { rowLength, segments, openRows, buffer } = settings
  const input = asResumable('pack: documents', documents)
  const pieces = piecesOf(input, settings)
  const waiting = pieceBuffer(settings, pieces.next)
  let open: OpenRow[] = []

  /** At most one row becomes ready with each piece. */
  function place(piece: Piece): OpenRow | undefined {
    const found = choose(settings, open, lengthOf(piece))
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
    if (buffer > 0) return waiting.nextRow()?.row
    for (;;) {
      const piece = pieces.next(roomFor(settings, open))
      if (!piece) return open.shift()?.row
      const ready = place(piece)
      if (ready) return ready.row
    }
  }

  function state(): Json {
    const held = { open: open.map(({ pieces }) => pieces), waiting: waiting.pieces(), left: pieces.left() }
    return writeState(settings, held, pieces.read(), input.state)
  }

  function restore(state: Json): void {
    const made = readState('pack', state)
    checkSame('pack', made.fields, { ...settings })
    const places = [...made.open.flat(), ...made.waiting, ...made.left]
    const origins = pieces.reread(made.input, made.documents, new Set(places.map(({ number }) => number)))
    const pieceAt = (place: Place): Piece => {
      const origin = origins.get(place.number)
      const length = origin?.document.tokens.length ?? 0
      const end = place.end ?? length
      if (origin && end <= length) return { origin, start: place.start, fresh: place.fresh, end }
      const document = origin ? `document '${origin.document.id}' has ${length} tokens` : `there is no document ${place.number}`
      throw new RangeError(`pack.restore: ${document}, the state needs ${end}. Pass the same data as before.`)
    }
    open = made.open.map((row) => {
      const target = openRow(settings)
      for (const piece of row.map(pieceAt)) {
        if (target.used + lengthOf(piece) >= rowLength)
          throw new RangeError('pack.restore: a row of the state holds more than these documents allow. Pass the same data as before.')
        append(target, piece, segments)
      }
      return target
    })
    waiting.clear()
    for (const place of made.waiting) waiting.add(pieceAt(place))
    pieces.putBack(made.left.map(pieceAt))
  }
  return resumable(next, state, restore)
}

/** Most tokens that the next piece may have. */
const roomFor = ({ strategy, rowLength }: PackSettings, open: readonly OpenRow[]): number =>
  rowLength - (strategy === 'concat' ? (open[0]?.used ?? 0) : 0)

/** The open row that `length` tokens go into; undefined for a new one. */
function choose({ strategy, rowLength }: PackSettings, open: readonly OpenRow[], length: number): OpenRow | undefined {
  let best: OpenRow | undefined
  for (const row of open) {
    if (row.used + length > rowLength || (best && best.used >= row.used)) continue
    if (strategy !== 'best-fit') return row
    best = row
  }
  return best
}
