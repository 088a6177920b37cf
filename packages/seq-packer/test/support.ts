import fc from 'fast-check'
import type { Document, Json, PackOptions, Resumable, Row } from 'seq-packer'

/** Documents whose tokens tell where they come from: `tokens[t] = 1000·index + t`. */
export const documentsOf = (lengths: readonly number[], source = 'texts'): Document[] =>
  lengths.map((length, index) => ({ id: `${source}-${index}`, source, tokens: Array.from({ length }, (_, t) => 1000 * index + t) }))

export const documents = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 40 }).map((lengths) => documentsOf(lengths))

export const options: fc.Arbitrary<PackOptions> = fc
  .integer({ min: 2, max: 24 })
  .chain((rowLength) => fc.tuple(fc.constant(rowLength), fc.oneof(fc.constant(0), fc.integer({ min: 0, max: rowLength - 1 }))))
  .chain(([rowLength, overlap]) =>
    fc.oneof(
      fc.constantFrom<PackOptions>({ strategy: 'concat', rowLength, overlap }, { strategy: 'pad', rowLength, overlap }),
      fc.record({
        strategy: fc.constantFrom('first-fit' as const, 'best-fit' as const),
        rowLength: fc.constant(rowLength),
        overlap: fc.constant(overlap),
        openRows: fc.integer({ min: 1, max: 6 }),
      }),
      fc.record({
        strategy: fc.constant('best-fit' as const),
        rowLength: fc.constant(rowLength),
        overlap: fc.constant(overlap),
        buffer: fc.integer({ min: 1, max: 12 }),
      }),
    ),
  )

/** What of the rows is no repetition: the tokens in the order of the rows. A document's tokens follow one another. */
export function freshTokens(rows: readonly Row[]): number[] {
  const seen = new Set<number>()
  return rows.flatMap(segmentsOf).flatMap((segment) =>
    segment.filter((token) => {
      if (seen.has(token)) return false
      seen.add(token)
      return true
    }),
  )
}

/** The segments of a row, each a list of tokens. */
export function segmentsOf({ tokens, segmentIds }: Row): number[][] {
  const segments: number[][] = []
  segmentIds.forEach((id, t) => {
    if (id === 0) return
    segments[id - 1] ??= []
    segments[id - 1]!.push(tokens[t]!)
  })
  return segments
}

export const plain = ({ tokens, segmentIds, positions, lossWeights }: Row) => [tokens, segmentIds, positions, lossWeights].map(String)

export function take<Item>(items: Iterator<Item, undefined>, count: number): Item[] {
  const taken: Item[] = []
  for (let i = 0; i < count; i++) {
    const { value, done } = items.next()
    if (done) break
    taken.push(value)
  }
  return taken
}

/** The state after the first `count` items, as a checkpoint on disk would give it back, and the items after it. */
export function stopped<Item>(stream: Resumable<Item>, count: number): { state: Json; rest: Item[] } {
  take(stream, count)
  const state: Json = JSON.parse(JSON.stringify(stream.state()))
  return { state, rest: take(stream, 60) }
}
