import { sentenceBorders } from './sentences.ts'

export interface Chunk {
  readonly start: number
  readonly end: number
}

/**
 * A random chunk of at most `max` UTF-16 units: its size is drawn from [`min`, `max`], its place uniformly, with the document's beginning and end
 * as likely as the middle. It begins and ends at sentences or paragraphs, else (a sentence longer than the chunk) at words, else anywhere that
 * splits no surrogate pair. A text that fits is returned whole. White space around is left out; undefined when nothing else is there.
 */
export function drawChunk(text: string, { min, max }: { min: number; max: number }, random: () => number): Chunk | undefined {
  const size = min + Math.floor(random() * (max - min + 1))
  const place = Math.floor(random() * (text.length + 1) - size / 2)
  if (text.length <= size) return trimmed(text, 0, text.length)
  const from = Math.min(Math.max(0, place), text.length - size)
  const chunk = cut(text, from, size, sentenceBorders) ?? cut(text, from, size, wordBorders)
  if (chunk) return trimmed(text, chunk.start, chunk.end)
  return trimmed(text, from + Number(splitsPair(text, from)), from + size - Number(splitsPair(text, from + size)))
}

/** A random chunk of each half of `text`, in its order; fewer where a half holds no text. */
export function drawChunks(text: string, size: { min: number; max: number }, random: () => number): Chunk[] {
  const around = Math.max(0, (text.length >> 1) - size.max)
  const borders = sentenceBorders(text.slice(around, (text.length >> 1) + size.max)).map((border) => border + around)
  const middle = borders.find((border) => border >= text.length / 2) ?? borders.at(-1) ?? text.length
  const [first, second] = [drawChunk(text.slice(0, middle), size, random), drawChunk(text.slice(middle), size, random)]
  return [first ?? [], second === undefined ? [] : { start: middle + second.start, end: middle + second.end }].flat()
}

/**
 * As far as `size` reaches from a border near `from`: the one before it, or the one after it where that gives too little; at the end of the text
 * the other way round, since only a later start lets the end fit.
 */
function cut(text: string, from: number, size: number, bordersOf: (text: string) => number[]): Chunk | undefined {
  const origin = Math.max(0, from - size)
  const found = bordersOf(text.slice(origin, from + 2 * size)).map((border) => border + origin)
  const borders = origin === 0 ? [0, ...found] : found
  const before = borders.findLast((border) => border <= from)
  const atEnd = from + size >= text.length
  const after = borders.find((border) => (atEnd ? border >= from : border > from))
  const starts = atEnd ? [after, before] : [before, after]
  const chunks = starts.flatMap((start) => {
    if (start === undefined) return []
    const end = text.length - start <= size ? text.length : (borders.findLast((border) => border <= start + size) ?? start)
    return { start, end }
  })
  return chunks.find(({ start, end }) => end - start >= size / 4)
}

const wordBorders = (text: string): number[] => Array.from(text.matchAll(/\s+(?=\S)/g), ({ index, 0: space }) => index + space.length)

const splitsPair = (text: string, index: number): boolean => /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(index - 1, index + 1))

function trimmed(text: string, start: number, end: number): Chunk | undefined {
  const chunk = text.slice(start, end)
  const length = chunk.trim().length
  const lead = chunk.length - chunk.trimStart().length
  return length === 0 ? undefined : { start: start + lead, end: start + lead + length }
}
