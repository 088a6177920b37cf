// The same seed gives the same rows in every JavaScript engine: their hash stands here. Node 20 and 22 and Chromium run this file.
import { type Document, dataMix, mix, pack, packAll, type Row, shuffle } from 'seq-packer'
import { expect, it } from 'vitest'

const documents = (source: string, count: number): Document[] =>
  Array.from({ length: count }, (_, i) => ({
    id: `${source}-${i}`,
    source,
    tokens: Array.from({ length: 1 + ((i * 7919) % 211) }, (_, t) => (i * 31 + t * t * 7 + source.length) % 50_000),
  }))

/** FNV-1a over the words of all arrays. */
function hashOf(rows: Iterable<Row>): string {
  let hash = 0x811c9dc5
  for (const { tokens, segmentIds, positions, lossWeights } of rows)
    for (const values of [tokens, segmentIds, positions, lossWeights])
      for (const value of values) hash = Math.imul(hash ^ value, 0x01000193)
  return (hash >>> 0).toString(16)
}

it('mix, shuffle, dataMix, pack and packAll give the rows they gave everywhere', () => {
  const sources = { web: documents('web', 300), books: documents('books', 40) }
  const lengths = Object.fromEntries(Object.entries(sources).map(([name, own]) => [name, own.map(({ tokens }) => tokens.length)]))
  const parts = dataMix(lengths, { arm: 'upsample-long', longFrom: 128, longShare: 0.7 })
  const mixed = () => {
    const chosen = Object.entries(parts).map(([name, { source, indices }]) => [
      name,
      Array.from(indices, (i) => sources[source as keyof typeof sources][i]!),
    ])
    const weights = Object.fromEntries(Object.entries(parts).map(([name, { weight }]) => [name, weight]))
    return mix<Document>(Object.fromEntries(chosen), { weights, seed: 7, epochs: 3 })
  }
  const hashes = {
    buffer: hashOf(pack(mixed(), { strategy: 'best-fit', rowLength: 512, buffer: 100, overlap: 8 })),
    openRows: hashOf(pack(shuffle(mixed(), { window: 50, seed: 3 }), { strategy: 'first-fit', rowLength: 512 })),
    concat: hashOf(pack(mixed(), { strategy: 'concat', rowLength: 512, segments: 'row' })),
    all: hashOf(packAll(sources.web, { rowLength: 512, seed: 11 })),
  }
  expect(hashes).toEqual({ buffer: 'fce65219', openRows: '3867d5d5', concat: '10af1426', all: '36a29792' })
})
