import type { PackSettings } from './pack-options.ts'

/** What rows can hold: piece p has `lengths[p]` tokens of document `documentOf[p]`, from `startOf[p]` on. */
export interface LengthPieces {
  readonly lengths: ArrayLike<number>
  readonly documentOf: (piece: number) => number
  readonly startOf: (piece: number) => number
}

/** Cuts lengths as `pack` cuts documents. Lists pieces only where there are cuts to tell of. */
export function cutLengths(
  lengths: ArrayLike<number>,
  { rowLength, overlap, overlong }: Pick<PackSettings, 'rowLength' | 'overlap' | 'overlong'>,
): LengthPieces {
  const step = rowLength - overlap
  const piecesOf = (length: number): number => (length > rowLength && overlong === 'split' ? Math.ceil((length - overlap) / step) : 1)
  let numPieces = 0
  let overlongs = 0
  for (let i = 0; i < lengths.length; i++) {
    numPieces += piecesOf(lengths[i]!)
    if (lengths[i]! > rowLength) overlongs++
  }
  if (overlongs === 0) return { lengths, documentOf: (piece) => piece, startOf: () => 0 }
  const cut = new Uint32Array(numPieces)
  const documents = new Uint32Array(numPieces)
  const starts = new Float64Array(numPieces === lengths.length ? 0 : numPieces) // a document may have more than 2³² tokens
  for (let i = 0, piece = 0; i < lengths.length; i++)
    for (let k = 0, count = piecesOf(lengths[i]!); k < count; k++, piece++) {
      cut[piece] = Math.min(rowLength, lengths[i]! - k * step)
      documents[piece] = i
      if (k > 0) starts[piece] = k * step
    }
  return { lengths: cut, documentOf: (piece) => documents[piece]!, startOf: (piece) => starts[piece] ?? 0 }
}
