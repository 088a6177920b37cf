import fc from 'fast-check'
import { type DataMixOptions, dataMix, lengthReport, mix } from 'seq-packer'
import { describe, expect, it } from 'vitest'
import { documentsOf, stopped, take } from './support.ts'

const lengths = { web: [10, 20, 300, 5], books: [1000, 40, 2000] } // 335 and 3,040 tokens, of them 300 and 3,000 long
const scores = { web: [1, 0, 1, 1], books: [1, 1, 0] }
const arm = (options: object) => dataMix(lengths, { longFrom: 256, ...options } as DataMixOptions)
const shown = (parts: ReturnType<typeof dataMix>) =>
  Object.fromEntries(Object.entries(parts).map(([name, { indices, weight }]) => [name, [[...indices], Number(weight.toFixed(4))]]))

describe('dataMix', () => {
  it('makes the four arms', () => {
    expect(shown(arm({ arm: 'default' }))).toEqual({ web: [[0, 1, 2, 3], 0.0993], books: [[0, 1, 2], 0.9007] })
    // 35 and 40 tokens are left
    expect(shown(arm({ arm: 'remove-long' }))).toEqual({ web: [[0, 1, 3], 0.4667], books: [[1], 0.5333] })
    const upsampled = { web: [[0, 1, 3], 0.2333], 'web/long': [[2], 0.0455], books: [[1], 0.2667], 'books/long': [[0, 2], 0.4545] }
    expect(shown(arm({ arm: 'upsample-long', longShare: 0.5 }))).toEqual(upsampled)
    const best = { web: [[0, 3], 0.2727 / 2], 'web/long': [[2], 0.2308 / 2], books: [[1], 0.7273 / 2], 'books/long': [[0], 0.7692 / 2] }
    const made = shown(arm({ arm: 'new-mix', longShare: 0.5, quality: { scores, least: 1 } }))
    for (const [name, [indices, weight]] of Object.entries(best)) expect(made[name]).toEqual([indices, expect.closeTo(weight as number, 4)])
  })

  it('keeps the shares of sources that are asked for', () => {
    const parts = arm({ arm: 'default', weights: { web: 3, books: 1 } })
    expect([parts.web!.weight, parts.books!.weight]).toEqual([0.75, 0.25])
  })

  it('gives long documents the share that is asked for, whatever the sources', () => {
    const some = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(some, some, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (web, books, longShare) => {
        const all = [...web, ...books]
        fc.pre(all.some((length) => length >= 1024) && all.some((length) => length < 1024))
        const parts = dataMix({ web, books }, { arm: 'upsample-long', longFrom: 1024, longShare })
        const { beyond, tokens } = lengthReport({ web, books }, parts)
        expect(beyond.find(({ length }) => length === 1024)!.share).toBeCloseTo(longShare, 9)
        expect(beyond[0]!.share).toBeCloseTo(1, 9)
        expect(tokens).toBe(all.reduce((sum, length) => sum + length, 0))
      }),
    )
  })

  it.each<[object, string]>([
    [{ arm: 'default', longFrom: 0 }, 'dataMix: longFrom is 0; it must be a whole number ≥ 1.'],
    [{ arm: 'long' }, "dataMix: arm is 'long'; choose 'default', 'remove-long', 'upsample-long' or 'new-mix'."],
    [{ arm: 'remove-long', longFrom: 5 }, "dataMix: arm 'remove-long' leaves no tokens; all documents are long: choose a larger longFrom."],
    [{ arm: 'upsample-long', longShare: 1 }, 'dataMix: longShare is 1; it must lie between 0 and 1.'],
    [
      { arm: 'upsample-long', longShare: 0.5, longFrom: 9999 },
      'dataMix: no document has 9999 tokens or more, so they cannot have a share.',
    ],
    [{ arm: 'default', weights: { web: 1 } }, "dataMix: the weight of 'books' is undefined; it must be a finite number ≥ 0."],
    [
      { arm: 'new-mix', longShare: 0.5, quality: { scores: { web: [1] }, least: 1 } },
      "dataMix: source 'web' has 4 documents and 1 scores; give one for each.",
    ],
  ])('refuses %o', (options, message) => {
    expect(() => arm(options as never)).toThrow(message)
  })
})

it('lengthReport counts by powers of two', () => {
  const { documents, tokens, parts, histogram, beyond } = lengthReport({ a: [1, 3, 4], b: [8] })
  expect([documents, tokens, parts]).toEqual([
    4,
    16,
    { a: { documents: 3, tokens: 8, share: 0.5 }, b: { documents: 1, tokens: 8, share: 0.5 } },
  ])
  expect(histogram).toEqual([
    { from: 1, documents: 1, tokens: 1, share: 1 / 16 },
    { from: 2, documents: 1, tokens: 3, share: 3 / 16 },
    { from: 4, documents: 1, tokens: 4, share: 4 / 16 },
    { from: 8, documents: 1, tokens: 8, share: 8 / 16 },
  ])
  expect(beyond).toEqual([
    { length: 1, share: 1 },
    { length: 2, share: 15 / 16 },
    { length: 4, share: 12 / 16 },
    { length: 8, share: 8 / 16 },
  ])
})

describe('mix: stored items', () => {
  const documents = documentsOf([3, 5, 1, 8, 2])
  const lengths = documents.map(({ tokens }) => tokens.length)
  const stored = (reads: number[] = []) => ({
    lengths,
    at: (index: number) => {
      reads.push(index)
      return documents[index]!
    },
  })
  const options = { weights: { a: 1 }, seed: 3, epochs: 2 }

  it('come in the order of an array, each read when it is due', () => {
    const reads: number[] = []
    const items = mix({ a: stored(reads) }, options)
    expect(reads).toEqual([])
    expect([...items]).toEqual([...mix({ a: documents }, options)])
    expect(reads.length).toBe(10)
  })

  it('are not read again by restore', () => {
    const first = mix({ a: stored() }, options)
    const { state, rest } = stopped(first, 8)
    const reads: number[] = []
    const second = mix({ a: stored(reads) }, options)
    second.restore(state)
    expect(reads).toEqual([])
    expect(take(second, 9)).toEqual(rest)
    expect(() => mix({ a: { lengths: [3, 0], at: () => documents[0]! } }, options)).toThrow("mix: item 1 of source 'a' has no tokens.")
  })
})

describe('mix: maxEpochs', () => {
  it('a source leaves after its epochs, the others go on by their weights, and the stream ends when none is left', () => {
    const sources = { a: documentsOf([2, 2], 'a'), b: documentsOf([1, 1, 1], 'b'), c: documentsOf([3], 'c') }
    const items = [...mix(sources, { weights: { a: 2, b: 1, c: 1 }, seed: 1, maxEpochs: { a: 1, b: 4, c: 2 } })]
    const count = (source: string) => items.filter((item) => item.source === source).length
    expect([count('a'), count('b'), count('c')]).toEqual([2, 12, 2])
  })

  it('is resumed at any item', () => {
    const epochs = fc.record({ a: fc.integer({ min: 1, max: 4 }), b: fc.integer({ min: 1, max: 4 }) }, { requiredKeys: [] })
    fc.assert(
      fc.property(epochs, fc.nat(30), fc.integer(), (maxEpochs, count, seed) => {
        const make = () =>
          mix({ a: documentsOf([3, 5], 'a'), b: documentsOf([2, 2, 7], 'b') }, { weights: { a: 1, b: 3 }, seed, epochs: 5, maxEpochs })
        const { state, rest } = stopped(make(), count)
        const resumed = make()
        resumed.restore(state)
        expect(take(resumed, 60)).toEqual(rest)
      }),
      { numRuns: 200 },
    )
  })

  it('names a source that does not exist', () => {
    const sources = { a: documentsOf([2]) }
    expect(() => mix(sources, { weights: { a: 1 }, seed: 1, maxEpochs: { b: 1 } })).toThrow(
      "mix: maxEpochs names 'b', but the sources are a.",
    )
    expect(() => mix(sources, { weights: { a: 1 }, seed: 1, maxEpochs: { a: 0 } })).toThrow("mix: maxEpochs of 'a' is 0;")
  })
})
