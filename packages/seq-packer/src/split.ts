import { checkCount } from './check.ts'
import type { Document } from './types.ts'

/**
 * Cuts every document longer than `pieceLength` tokens into consecutive pieces of that length and a rest, named `<id>#0`, `<id>#1` …
 * Before `mix`, so that the parts of a long document are shuffled on their own instead of filling one batch after another.
 * @throws RangeError when `pieceLength` is no whole number ≥ 1.
 */
export function split(documents: Iterable<Document>, { pieceLength }: { readonly pieceLength: number }): Document[] {
  checkCount('split: pieceLength', pieceLength)
  return Array.from(documents).flatMap((document) => {
    const { id, source, tokens, lossWeights } = document
    if (tokens.length <= pieceLength) return [document]
    return Array.from({ length: Math.ceil(tokens.length / pieceLength) }, (_, i) => {
      const start = i * pieceLength
      const length = Math.min(pieceLength, tokens.length - start)
      const part = (values: ArrayLike<number>) => Array.from({ length }, (_, t) => values[start + t]!)
      return { id: `${id}#${i}`, source, tokens: part(tokens), lossWeights: lossWeights && part(lossWeights) }
    })
  })
}
