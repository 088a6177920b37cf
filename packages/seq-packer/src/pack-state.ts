import { type PackOptions, type PackSettings, packSettings } from './pack-options.ts'
import type { Origin, Piece } from './piece.ts'
import { fieldsOf, listOf, wholeNumber } from './resumable.ts'
import type { Json } from './types.ts'

/** Where pieces lie that have been read and not handed out. */
export interface Held<Piece> {
  /** In rows that still have room. */
  readonly open: readonly (readonly Piece[])[]
  /** In the buffer, oldest first. */
  readonly waiting: readonly Piece[]
  /** Not yet placed at all. */
  readonly left: readonly Piece[]
}

/** A piece without its document: the document's number after the state of the input, and its tokens. */
export interface Place {
  readonly number: number
  readonly start: number
  readonly fresh: number
  /** Undefined: the document's. */
  readonly end: number | undefined
}

/** State of a pack: that of its input before the oldest document it holds, and the places of all pieces. */
export function writeState(settings: PackSettings, held: Held<Piece>, read: number, after: () => Json): Json {
  const all = [...held.open.flat(), ...held.waiting, ...held.left]
  const oldest = all.reduce<Origin | undefined>((old, { origin }) => (old && old.serial <= origin.serial ? old : origin), undefined)
  const from = oldest?.serial ?? read
  // a whole document is written as its number alone: a buffer of ten thousand stays some fifty kilobytes
  const place = ({ origin, start, fresh, end }: Piece): Json =>
    fresh === 0 && end === origin.document.tokens.length ? origin.serial - from : [origin.serial - from, start, fresh, end]
  return {
    kind: 'pack',
    ...settings,
    input: oldest?.before ?? after(),
    documents: read - from,
    open: held.open.map((pieces) => pieces.map(place)),
    waiting: held.waiting.map(place),
    left: held.left.map(place),
  }
}

/** The fields of such a state. */
export function readState(who: string, state: Json) {
  const fields = fieldsOf(who, state, 'pack')
  const places = (what: string, list: Json | undefined): Place[] =>
    listOf(`${who}.restore: ${what}`, list).map((entry) => placeOf(who, entry))
  return {
    fields,
    input: fields.input ?? null,
    documents: wholeNumber(`${who}.restore: documents`, fields.documents),
    open: listOf(`${who}.restore: open`, fields.open).map((row) => places('a row', row)),
    waiting: places('waiting', fields.waiting),
    left: places('left', fields.left),
  }
}

function placeOf(who: string, entry: Json): Place {
  if (typeof entry === 'number') return { number: wholeNumber(`${who}.restore: a piece`, entry), start: 0, fresh: 0, end: undefined }
  const [number, start, fresh, end] = listOf(`${who}.restore: a piece`, entry).map((value) => wholeNumber(`${who}.restore: a piece`, value))
  if (end === undefined || !(start! <= fresh! && fresh! < end))
    throw new RangeError(`${who}.restore: ${JSON.stringify(entry)} is no piece of a document. Pass what state() returned.`)
  return { number: number!, start: start!, fresh: fresh!, end }
}

/**
 * The state of another packing of the same documents, which goes on with all that has not been handed out: the curriculum's longer rows.
 * What lies in open rows or waits in a buffer is placed anew, first of all and in the order of the stream; a document that was cut is put
 * together again as far as it is here. Nothing is lost, nothing doubled. Pass the result to `restore` of a `pack` with those options.
 * @throws RangeError for a state that is not one of `pack`, or options that cannot work.
 * @see Xiong et al. 2023, §4.4 (training curriculum)
 */
export function repack(state: Json, options: PackOptions): Json {
  const { fields, open, waiting, left } = readState('repack', state)
  const places = [...open.flat(), ...waiting, ...left].sort((a, b) => a.number - b.number || a.fresh - b.fresh)
  const joined: Place[] = []
  for (const place of places) {
    const last = joined.at(-1)
    if (last && last.number === place.number && last.end === place.fresh) joined[joined.length - 1] = { ...last, end: place.end }
    else joined.push(place)
  }
  const written = joined.map(({ number, fresh, end }) => (end === undefined ? number : [number, fresh, fresh, end]))
  return { ...fields, ...packSettings(options), open: [], waiting: [], left: written }
}
