import type { PackSettings } from './pack-options.ts'
import type { Document, Row } from './types.ts'

/** A document that pack has read, and what it takes to read it again. */
export interface Origin<State> {
  readonly document: Document
  /** Counts the documents read. */
  readonly serial: number
  /** State of the input before it. */
  readonly before: State
}

/** Tokens `start … end − 1` of a document. */
export interface Piece<State> {
  readonly origin: Origin<State>
  readonly start: number
  readonly end: number
}

/** A row that still has room. */
export interface OpenRow<State> {
  readonly row: Row
  readonly pieces: Piece<State>[]
  used: number
}

export function openRow<State>({ rowLength, paddingToken }: PackSettings): OpenRow<State> {
  const row = {
    tokens: new Int32Array(rowLength).fill(paddingToken),
    segmentIds: new Int32Array(rowLength),
    positions: new Int32Array(rowLength),
    lossWeights: new Float32Array(rowLength),
  }
  return { row, pieces: [], used: 0 }
}

/** Writes the piece behind what the row holds. The caller has seen to it that it fits. */
export function append<State>(open: OpenRow<State>, piece: Piece<State>, segments: 'document' | 'row'): void {
  const { tokens, segmentIds, positions, lossWeights } = open.row
  const { document } = piece.origin
  open.pieces.push(piece)
  const [segmentId, begin] = segments === 'row' ? [1, 0] : [open.pieces.length, open.used]
  for (let t = piece.start; t < piece.end; t++) {
    const at = open.used++
    tokens[at] = document.tokens[t]!
    segmentIds[at] = segmentId
    positions[at] = at - begin
    lossWeights[at] = at === begin ? 0 : (document.lossWeights?.[t] ?? 1)
  }
}
