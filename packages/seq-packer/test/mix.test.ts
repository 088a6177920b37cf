import fc from 'fast-check'
import { type Document, mix, pack } from 'seq-packer'
import { describe, expect, it } from 'vitest'
import { documentsOf, segmentsOf, stopped, take } from './support.ts'

const lengths = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 10 })
const weight = fc.integer({ min: 1, max: 20 })
const ids = (documents: readonly Document[]) => documents.map(({ id }) => id)

describe('mix', () => {
  it('gives every source its share of the tokens: never ahead by as much as one of its documents', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(lengths, weight), { minLength: 1, maxLength: 4 }), fc.integer(), (drawn, seed) => {
        const names = drawn.map((_, i) => `source-${i}`)
        const sources = Object.fromEntries(names.map((name, i) => [name, documentsOf(drawn[i]![0], name)]))
        const weights = Object.fromEntries(names.map((name, i) => [name, drawn[i]![1]]))
        const sum = drawn.reduce((total, [, own]) => total + own, 0)
        const longest = Math.max(...drawn.flatMap(([own]) => own))
        const given: Record<string, number> = {}
        let total = 0
        for (const { source, tokens } of take(mix(sources, { weights, seed }), 300)) {
          given[source] = (given[source] ?? 0) + tokens.length
          total += tokens.length
          for (const name of names) {
            const ahead = (given[name] ?? 0) - (weights[name]! / sum) * total
            expect(ahead).toBeLessThan(Math.max(...drawn[names.indexOf(name)]![0]) + 1e-9)
            expect(-ahead).toBeLessThanOrEqual((names.length - 1) * longest + 1e-9) // what one lacks, the others have
          }
        }
      }),
      { numRuns: 60 },
    )
  })

  it('converges to the weights: 0.1 % off after a hundred thousand tokens', () => {
    const sources = { books: documentsOf([90, 40, 70], 'books'), web: documentsOf([3, 9, 5, 1], 'web'), code: documentsOf([20], 'code') }
    const given = { books: 0, web: 0, code: 0 }
    let total = 0
    for (const { source, tokens } of mix(sources, { weights: { books: 70, web: 20, code: 10 }, seed: 3 })) {
      given[source as keyof typeof given] += tokens.length
      total += tokens.length
      if (total > 100_000) break
    }
    expect(Math.abs(given.books / total - 0.7)).toBeLessThan(0.001)
    expect(Math.abs(given.web / total - 0.2)).toBeLessThan(0.001)
    expect(Math.abs(given.code / total - 0.1)).toBeLessThan(0.001)
  })

  it('gives every document once an epoch, in an order of its own', () => {
    const documents = documentsOf(Array.from({ length: 20 }, () => 1))
    const stream = mix({ texts: documents }, { weights: { texts: 1 }, seed: 5 })
    const epochs = Array.from({ length: 50 }, () => ids(take(stream, 20)))
    for (const epoch of epochs) expect(epoch.toSorted()).toEqual(ids(documents).toSorted())
    expect(new Set(epochs.map(String)).size).toBe(50)
  })

  it('shuffles evenly: each document stands at each place equally often', () => {
    const size = 5
    const numEpochs = 4000
    const stream = mix({ texts: documentsOf([1, 1, 1, 1, 1]) }, { weights: { texts: 1 }, seed: 11 })
    const counts = Array.from({ length: size * size }, () => 0)
    for (let epoch = 0; epoch < numEpochs; epoch++)
      take(stream, size).forEach(({ id }, place) => {
        counts[place * size + Number(id.at(-1))]! += 1
      })
    // binomial(4000, 1/5): mean 800, standard deviation 25; the seed is fixed, so this cannot fail by chance
    for (const count of counts) expect(Math.abs(count - numEpochs / size)).toBeLessThan(4 * 25.3)
  })

  it('is decided by the seed', () => {
    const sources = { a: documentsOf([3, 1, 4, 1, 5, 9], 'a'), b: documentsOf([2, 6, 5], 'b') }
    const order = (seed: number) => ids(take(mix(sources, { weights: { a: 1, b: 1 }, seed }), 30)).join()
    expect(order(1)).toBe(order(1))
    expect(new Set(Array.from({ length: 20 }, (_, seed) => order(seed))).size).toBe(20)
    expect(order(2 ** 33)).not.toBe(order(0))
    expect(order(-1)).not.toBe(order(1))
  })

  it('ends where a source would begin an epoch too many, and stays there', () => {
    const one = mix({ texts: documentsOf([1, 2, 3]) }, { weights: { texts: 1 }, seed: 1, epochs: 2 })
    expect(ids([...one]).toSorted()).toEqual(['texts-0', 'texts-0', 'texts-1', 'texts-1', 'texts-2', 'texts-2'])
    expect([...one]).toEqual([])
    const two = [
      ...mix({ a: documentsOf([5, 5], 'a'), b: documentsOf(Array(9).fill(5), 'b') }, { weights: { a: 1, b: 1 }, seed: 1, epochs: 1 }),
    ]
    expect(two.filter(({ source }) => source === 'a').length).toBe(2)
    expect(two.filter(({ source }) => source === 'b').length).toBeLessThanOrEqual(3)
  })

  it('never takes from a source of weight 0', () => {
    const sources = { a: documentsOf([3, 8], 'a'), b: documentsOf([1], 'b'), c: documentsOf([2], 'c') }
    const taken = take(mix(sources, { weights: { b: 0, c: 1, a: 1 }, seed: 1 }), 100)
    expect(new Set(taken.map(({ source }) => source))).toEqual(new Set(['a', 'c']))
  })

  it('asks a function for each epoch and keeps the order it gives', () => {
    const asked: number[] = []
    const texts = (epoch: number) => {
      asked.push(epoch)
      return documentsOf([1, 1], `epoch-${epoch}`)
    }
    expect(ids(take(mix({ texts }, { weights: { texts: 1 }, seed: 1 }), 5))).toEqual([
      'epoch-0-0',
      'epoch-0-1',
      'epoch-1-0',
      'epoch-1-1',
      'epoch-2-0',
    ])
    expect(asked).toEqual([0, 1, 2])
  })

  it('mixes rows as well: short data concatenated, long instances one per row, as Xiong et al. tuned', () => {
    const rows = mix(
      {
        short: () => pack(documentsOf([5, 6, 7, 6]), { strategy: 'concat', rowLength: 8 }),
        long: () => pack(documentsOf([6, 7]), { strategy: 'pad', rowLength: 8 }),
      },
      { weights: { short: 1, long: 1 }, seed: 1 },
    )
    const numSegments = take(rows, 8).map((row) => segmentsOf(row).length)
    expect(numSegments.filter((count) => count > 1).length).toBe(4)
  })
})

describe('mix: restore gives exactly the documents that were to come', () => {
  it('at any point, for arrays and functions, with and without an end', () => {
    const epochs = fc.constantFrom(1, 3, undefined)
    fc.assert(
      fc.property(lengths, lengths, epochs, fc.integer(), fc.nat(60), (a, b, epochs, seed, count) => {
        const make = () =>
          mix(
            { a: documentsOf(a, 'a'), b: (epoch: number) => documentsOf(b, `b${epoch}`) },
            { weights: { a: 2, b: 3 }, seed, ...(epochs === undefined ? {} : { epochs }) },
          )
        const first = make()
        const { state, rest } = stopped(first, count)
        const second = make()
        second.restore(state)
        expect(second.state()).toEqual(state)
        expect(ids(take(second, 60))).toEqual(ids(rest))
        first.restore(state)
        expect(ids(take(first, 60))).toEqual(ids(rest))
      }),
      { numRuns: 200 },
    )
  })
})
