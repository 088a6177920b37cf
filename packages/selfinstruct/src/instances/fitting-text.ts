import type { Chunk } from '../chunk.ts'

/**
 * As much of `text` as `fits` in `room` tokens: all of it, else its beginning, else what ends with the last chunk, so that the answer stays in it; from
 * above, by the proportion of tokens to characters, so a few per cent of the room may be left. Undefined when not even the chunks fit.
 * `count` counts the tokens of an instance with a piece of the text in it.
 */
export function fittingText(
  text: string,
  chunks: readonly Chunk[],
  { room, count }: { readonly room: number; readonly count: (piece: string) => number },
): string | undefined {
  const around = count('')
  const [first, last] = [Math.min(...chunks.map(({ start }) => start)), Math.max(...chunks.map(({ end }) => end))]
  for (let size = text.length; size >= last - first; ) {
    const start = wholeFrom(text, Math.max(0, last - size))
    const piece = text.slice(start, wholeUntil(text, start + size))
    const tokens = count(piece)
    if (tokens <= room) return piece
    size = Math.min(size - 1, Math.floor((size * Math.max(0, room - around)) / Math.max(1, tokens - around)))
  }
  return undefined
}

const splitsPair = (text: string, index: number): boolean => /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(index - 1, index + 1))
const wholeFrom = (text: string, index: number): number => index + Number(splitsPair(text, index))
const wholeUntil = (text: string, index: number): number => index - Number(splitsPair(text, index))
