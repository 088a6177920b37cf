import { checkDocument } from './check.ts'
import type { PackSettings } from './pack-options.ts'
import { cut, type Origin, type Piece } from './piece.ts'
import type { Document, Json, Resumable } from './types.ts'

/** Documents, read one at a time and cut to what fits; `left` is what has been read and not yet taken, oldest first. */
export function piecesOf(input: Resumable<Document>, { rowLength, overlap, overlong, strategy }: PackSettings) {
  let read = 0
  let left: readonly Piece[] = []

  function readDocument(): Origin | undefined {
    const before = input.state()
    const { value: document, done } = input.next()
    if (done) return undefined
    checkDocument('pack', document)
    return { document, serial: read++, before }
  }
  /** What is to be placed next, whole. */
  function nextRange(): Piece | undefined {
    if (left[0]) return left[0]
    const origin = readDocument()
    return origin && { origin, start: 0, fresh: 0, end: origin.document.tokens.length }
  }
  /** At most `most` tokens; undefined at the end of the documents. */
  function next(most: number): Piece | undefined {
    for (let range = nextRange(); range; range = nextRange()) {
      const { origin, fresh, end } = range
      const length = end - fresh
      if (overlong === 'refuse' && length > rowLength) {
        const { id, source } = origin.document
        throw new RangeError(
          `pack: document '${id}' of source '${source}' has ${length} tokens, a row ${rowLength}. ` +
            "Leave it out, choose a longer rowLength, or overlong 'split' or 'truncate'.",
        )
      }
      const piece = cut(range, most, overlap)
      const rest = piece.end === end || overlong === 'truncate' ? [] : [{ ...range, fresh: piece.end }]
      left = [...rest, ...left.slice(1)]
      if (strategy !== 'chunk' || piece.end - piece.start === rowLength) return piece
    }
    return undefined
  }
  return {
    next,
    left: (): readonly Piece[] => left,
    read: (): number => read,
    /** Reads the `count` documents after a state of the input again; returns those whose number is in `numbers`. */
    reread(before: Json, count: number, numbers: ReadonlySet<number>): ReadonlyMap<number, Origin> {
      input.restore(before)
      ;[read, left] = [0, []]
      const origins = new Map<number, Origin>()
      for (let number = 0; number < count; number++) {
        const origin = readDocument()
        if (origin && numbers.has(number)) origins.set(number, origin)
      }
      return origins
    },
    putBack(pieces: readonly Piece[]): void {
      left = pieces
    },
  }
}
