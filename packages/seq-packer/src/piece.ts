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
  return {
    tokens: new Int32Array(rowLength).fill(paddingToken),
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
  const weights = document.lossWeights
  for (let t = start, to = at; t < end; t++, to++) {
    tokens[to] = document.tokens[t]!
    segmentIds[to] = segmentId
    positions[to] = to - begin
    lossWeights[to] = to === begin || t < fresh ? 0 : weights ? weights[t]! : 1
  }
}
