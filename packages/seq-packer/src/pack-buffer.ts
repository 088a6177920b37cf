import { lengthQueue } from './length-queue.ts'
import { append, type OpenRow, openRow } from './open-row.ts'
import type { PackSettings } from './pack-options.ts'
import { byOrder, lengthOf, type Piece } from './piece.ts'

/** Pieces that wait, each for a row that its length fills best. */
export function pieceBuffer(settings: PackSettings, next: (most: number) => Piece | undefined) {
  const { rowLength, buffer, segments } = settings
  const queue = lengthQueue(rowLength, buffer)
  const pieceAt: (Piece | undefined)[] = Array.from({ length: buffer })
  const add = (piece: Piece): void => {
    pieceAt[queue.add(lengthOf(piece))] = piece
  }
  function read(): boolean {
    const piece = next(rowLength)
    if (piece) add(piece)
    return piece !== undefined
  }
  return {
    add,
    clear(): void {
      for (let slot = queue.oldest(); slot >= 0; slot = queue.oldest()) {
        pieceAt[slot] = undefined
        queue.take(slot)
      }
    },
    /** The fullest row that begins with the oldest piece. */
    nextRow(): OpenRow | undefined {
      while (!queue.isFull() && read());
      const chosen: Piece[] = []
      let room = rowLength
      for (let slot = queue.oldest(); slot >= 0; slot = queue.longest(room)) {
        const piece = pieceAt[slot]!
        pieceAt[slot] = undefined
        queue.take(slot)
        chosen.push(piece)
        room -= lengthOf(piece)
        read()
      }
      if (chosen.length === 0) return undefined
      const target = openRow(settings)
      for (const piece of chosen.sort(byOrder)) append(target, piece, segments)
      return target
    },
    pieces(): Piece[] {
      const pieces: Piece[] = []
      for (let slot = queue.oldest(); slot >= 0; slot = queue.youngerThan(slot)) pieces.push(pieceAt[slot]!)
      return pieces
    },
  }
}
