import type { TokenisedText } from '../long-context/texts.ts'

export interface WindowOptions {
  /** Tokens of a window. */
  readonly length: number
  readonly most: number
  /** What every window begins with, counted in `length`. */
  readonly begin?: readonly number[]
}

/** The first window of every text, the second of every text, and so on: at most `most`, all of the full length. */
export function windowsOf(texts: readonly TokenisedText[], { length, most, begin = [] }: WindowOptions): Int32Array[] {
  const own = length - begin.length
  const starts = Array.from({ length: most }, (_, i) => i * own)
  return starts
    .flatMap((start) => texts.map(({ tokens }) => tokens.subarray(start, start + own)))
    .filter((piece) => piece.length === own)
    .slice(0, most)
    .map((piece) => Int32Array.of(...begin, ...piece))
}
