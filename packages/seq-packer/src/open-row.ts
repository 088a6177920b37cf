import type { PackSettings } from './pack-options.ts'
import { emptyRow, lengthOf, type Piece, write } from './piece.ts'
import type { Row } from './types.ts'

/** A row that still has room. */
export interface OpenRow {
  readonly row: Row
  readonly pieces: Piece[]
  used: number
}

export const openRow = (settings: PackSettings): OpenRow => ({ row: emptyRow(settings), pieces: [], used: 0 })

/** Writes the piece behind what the row holds. The caller has seen to it that it fits. */
export function append(open: OpenRow, piece: Piece, segments: 'document' | 'row'): void {
  open.pieces.push(piece)
  const [segmentId, begin] = segments === 'row' ? [1, 0] : [open.pieces.length, open.used]
  write(open.row, piece.origin.document, piece, { at: open.used, begin, segmentId })
  open.used += lengthOf(piece)
}
