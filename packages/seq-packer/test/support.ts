import fc from 'fast-check'
import type { Document, Json, PackOptions, Resumable, Row } from 'seq-packer'

/** Documents whose tokens tell where they come from: `tokens[t] = 1000·index + t`. */
export const documentsOf = (lengths: readonly number[], source = 'texts'): Document[] =>
  lengths.map((length, index) => ({ id: `${source}-${index}`, source, tokens: Array.from({ length }, (_, t) => 1000 * index + t) }))

export const documents = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 40 }).map((lengths) => documentsOf(lengths))

export const options: fc.Arbitrary<PackOptions> = fc.integer({ min: 2, max: 24 }).chain((rowLength) =>
  fc.oneof(
    fc.constant<PackOptions>({ strategy: 'concat', rowLength }),
    fc.constant<PackOptions>({ strategy: 'pad', rowLength }),
    fc.record({
      strategy: fc.constantFrom('first-fit' as const, 'best-fit' as const),
      rowLength: fc.constant(rowLength),
      openRows: fc.integer({ min: 1, max: 6 }),
    }),
  ),
)

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
