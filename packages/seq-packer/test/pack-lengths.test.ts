import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { pack, packLengths } from 'seq-packer'
import { describe, expect, it } from 'vitest'
import { documentsOf, segmentsOf } from './support.ts'

type Named = 'first-fit' | 'best-fit' | 'first-fit-decreasing' | 'best-fit-decreasing'
type Case = Record<Named, number[]> & { capacity: number; lengths: number[]; optimum: number }
const golden: { cases: Case[] } = JSON.parse(readFileSync(new URL('./golden/bins.json', import.meta.url), 'utf8'))
const names: Named[] = ['first-fit', 'best-fit', 'first-fit-decreasing', 'best-fit-decreasing']

const loadsOf = (bins: readonly number[][], lengths: readonly number[]) => bins.map((bin) => bin.reduce((sum, i) => sum + lengths[i]!, 0))
const sorted = (values: readonly number[]) => values.toSorted((a, b) => a - b)

describe.each(names)('packLengths %s', (strategy) => {
  it.each(golden.cases)(
    'fills bins as prtpy does, within its bound of the optimum, case %#',
    ({ capacity, lengths, optimum, ...loads }) => {
      const bins = packLengths(lengths, capacity, strategy)
      expect(sorted(loadsOf(bins, lengths))).toEqual(sorted(loads[strategy])) // bins of equal room are one to best-fit: only loads compare
      if (strategy === 'first-fit') expect(loadsOf(bins, lengths)).toEqual(loads[strategy])
      expect(bins.length).toBeGreaterThanOrEqual(optimum)
      const bound = { 'first-fit-decreasing': (11 * optimum + 6) / 9, 'best-fit-decreasing': (11 * optimum) / 9 + 4 }
      expect(bins.length).toBeLessThanOrEqual(strategy in bound ? bound[strategy as keyof typeof bound] : Math.floor(1.7 * optimum))
    },
  )
})

describe.each(['next-fit', ...names] as const)('packLengths %s', (strategy) => {
  it('places every length once and fills no bin beyond the capacity', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 200 }), fc.integer({ min: 30, max: 60 }), (lengths, capacity) => {
        const bins = packLengths(lengths, capacity, strategy)
        expect(sorted(bins.flat())).toEqual(lengths.map((_, i) => i))
        for (const load of loadsOf(bins, lengths)) {
          expect(load).toBeLessThanOrEqual(capacity)
          expect(load).toBeGreaterThan(0)
        }
        const total = lengths.reduce((sum, length) => sum + length, 0)
        expect(bins.length).toBeLessThanOrEqual(Math.ceil((2 * total) / capacity) + 1)
      }),
      { numRuns: 60 },
    )
  })
})

it.each(golden.cases)('pack with enough open rows packs as prtpy does, case %#', ({ capacity, lengths, ...loads }) => {
  for (const strategy of ['first-fit', 'best-fit'] as const) {
    const rows = [...pack(documentsOf(lengths), { strategy, rowLength: capacity, openRows: lengths.length })]
    expect(sorted(rows.map((row) => segmentsOf(row).flat().length))).toEqual(sorted(loads[strategy]))
  }
})

it('packLengths sorts by length first when it may: three rows instead of four', () => {
  const lengths = [5, 3, 8, 7, 2, 5]
  expect(packLengths(lengths, 10, 'next-fit')).toEqual([[0, 1], [2], [3, 4], [5]])
  expect(packLengths(lengths, 10).map(sorted)).toEqual([
    [2, 4],
    [1, 3],
    [0, 5],
  ])
  expect(packLengths([], 10)).toEqual([])
})

it('packLengths plans a hundred thousand documents in n log n', () => {
  const lengths = Array.from({ length: 100_000 }, (_, i) => 1 + ((i * 7919) % 4096))
  const total = lengths.reduce((sum, length) => sum + length, 0)
  for (const strategy of ['first-fit', 'best-fit-decreasing'] as const)
    expect(packLengths(lengths, 32_768, strategy).length).toBeLessThan((1.01 * total) / 32_768)
})
