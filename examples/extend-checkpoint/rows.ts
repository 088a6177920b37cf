// Which rows training sees, out of the training texts alone.
import { type Document, mix, pack, split } from 'seq-packer'
import { letterShare, type TokenisedText } from '../long-context/texts.ts'

export interface RowsOptions {
  readonly texts: readonly TokenisedText[]
  /** What every piece of a text begins with. */
  readonly begin: readonly number[]
  /** Tokens of a row. */
  readonly length: number
  /** Tokens of a short piece. */
  readonly shortLength: number
  /** Share of the tokens in short pieces. */
  readonly shortShare: number
  readonly seed: number
}

const buffer = 64 // pieces read ahead, of which a row takes those that fill it best

/**
 * Quality before length (paper §4.2): the half of the texts with the largest share of letters, for tables and lists have few. It is cut
 * into pieces of a row's length, which make long rows, and into short pieces, of which a row holds many that do not see each other: they
 * keep what the model knew at short context.
 */
export function trainingRows({ texts, begin, length, shortLength, shortShare, seed }: RowsOptions) {
  const good = betterHalf(texts)
  const pieces = (size: number): Document[] =>
    split(good, { pieceLength: size - begin.length }).map((piece) => ({ ...piece, tokens: [...begin, ...Array.from(piece.tokens)] }))
  const parts = { long: pieces(length), short: pieces(shortLength) }
  return pack(mix(parts, { weights: { long: 1 - shortShare, short: shortShare }, seed }), {
    rowLength: length,
    strategy: 'best-fit',
    buffer,
  })
}

function betterHalf(texts: readonly TokenisedText[]): TokenisedText[] {
  const ranked = texts.map((text) => ({ text, share: letterShare(text.text) })).sort((a, b) => b.share - a.share)
  return ranked.slice(0, Math.ceil(ranked.length / 2)).map(({ text }) => text)
}
