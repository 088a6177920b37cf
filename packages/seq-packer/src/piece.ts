import type { PackSettings } from './pack-options.ts'
import type { Document, Json, Row } from './types.ts'

/** A document that pack has read, and what it takes to read it again. */
export interface Origin {
  readonly document: Document
  /** Counts the documents read. */
  readonly serial: number
  /** State of the input before it. */
  readonly before: Json
}

/** Tokens `start … end − 1` of a document; those before `fresh` lie in another piece too, and are context here. */
export interface Piece {
  readonly origin: Origin
  readonly start: number
  readonly fresh: number
  readonly end: number
}

/** The tokens of `from` that are still to be placed, at most `most` with what is repeated of those before. */
export function cut({ origin, fresh, end }: Piece, most: number, overlap: number): Piece {
  const start = Math.max(0, fresh - Math.min(overlap, most - 1))
  return { origin, start, fresh, end: Math.min(end, start + most) }
}

export const lengthOf = ({ start, end }: Piece): number => end - start

/** As in the stream. */
export const byOrder = (a: Piece, b: Piece): number => a.origin.serial - b.origin.serial || a.fresh - b.fresh

export function emptyRow({ rowLength, paddingToken }: Pick<PackSettings, 'rowLength' | 'paddingToken'>): Row {
  const tokens = new Int32Array(rowLength)
  return {
    tokens: paddingToken === 0 ? tokens : tokens.fill(paddingToken),
    segmentIds: new Int32Array(rowLength),
    positions: new Int32Array(rowLength),
    lossWeights: new Float32Array(rowLength),
  }
}

/** Writes a piece from `at` on, as segment `segmentId` that begins at `begin`. The caller has seen to it that it fits. */
export function write(
  { tokens, segmentIds, positions, lossWeights }: Row,
  document: Document,
  { start, fresh, end }: Omit<Piece, 'origin'>,
  { at, begin, segmentId }: { readonly at: number; readonly begin: number; readonly segmentId: number },
): void {
  const until = at + end - start
  copy(document.tokens, start, end, tokens, at)
  segmentIds.fill(segmentId, at, until)
  positions.set(counting(until - begin).subarray(at - begin), at)
  if (document.lossWeights) copy(document.lossWeights, start, end, lossWeights, at)
  else lossWeights.fill(1, at, until)
  lossWeights.fill(0, at, Math.max(at + fresh - start, at === begin ? at + 1 : at))
}

function copy(from: ArrayLike<number>, start: number, end: number, to: Int32Array | Float32Array, at: number): void {
  if (isTyped(from)) to.set(from.subarray(start, end), at)
  else for (let i = start; i < end; i++) to[at + i - start] = from[i]!
}

const isTyped = (values: ArrayLike<number>): values is Int32Array =>
  ArrayBuffer.isView(values) && 'subarray' in values && typeof values.subarray === 'function'

let numbers = new Int32Array(0)
/** 0, 1, 2, … */
function counting(length: number): Int32Array {
  if (length > numbers.length) numbers = Int32Array.from({ length: 2 * length }, (_, i) => i)
  return numbers.subarray(0, length)
}
