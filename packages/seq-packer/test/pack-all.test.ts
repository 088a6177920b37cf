import fc from 'fast-check'
import { packAll, planRows, utilisation } from 'seq-packer'
import { describe, expect, it } from 'vitest'
import { documents, freshTokens, plain, segmentsOf, stopped, take } from './support.ts'

const settings = fc
  .integer({ min: 2, max: 24 })
  .chain((rowLength) =>
    fc.record({ rowLength: fc.constant(rowLength), overlap: fc.integer({ min: 0, max: rowLength - 1 }), seed: fc.integer() }),
  )
const some = documents.filter((own) => own.length > 0)

describe('packAll', () => {
  it('loses nothing, doubles nothing but the overlap, keeps the order, fills as few rows as the plan', () => {
    fc.assert(
      fc.property(some, settings, (documents, settings) => {
        const rows = [...packAll(documents, settings)]
        const all = documents.flatMap(({ tokens }) => Array.from(tokens))
        expect(freshTokens(rows).toSorted((a, b) => a - b)).toEqual(all)
        for (const row of rows) {
          const firsts = segmentsOf(row).map(([first]) => first!)
          expect(firsts).toEqual(firsts.toSorted((a, b) => a - b))
        }
        const { rowLength, overlap } = settings
        const predicted = utilisation(rows).lossTokens
        if (overlap > 0) expect(predicted).toBe(all.length - documents.length)
        if (documents.some(({ tokens }) => tokens.length > rowLength)) return
        const lengths = documents.map(({ tokens }) => tokens.length)
        expect(rows.length).toBe(planRows(lengths, { rowLength }).starts.length - 1)
      }),
      { numRuns: 300 },
    )
  })

  it('goes on at any row in another process; another seed is another order of the same rows', () => {
    fc.assert(
      fc.property(some, settings, fc.nat(20), (documents, settings, count) => {
        const first = packAll(documents, settings)
        const { state, rest } = stopped(first, count)
        const second = packAll(documents, settings)
        second.restore(state)
        expect(take(second, 60).map(plain)).toEqual(rest.map(plain))
        const sorted = (seed: number) => Array.from(packAll(documents, { ...settings, seed }), (row) => plain(row).join('|')).sort()
        expect(sorted(settings.seed + 1)).toEqual(sorted(settings.seed))
      }),
      { numRuns: 200 },
    )
  })

  it('reads one document at a time, when its row comes', () => {
    const reads: number[] = []
    const rows = packAll(
      {
        lengths: [4, 3, 1],
        at(index) {
          reads.push(index)
          return {
            id: `${index}`,
            source: 'shard',
            tokens: [4, 3, 1].slice(index, index + 1).flatMap((length) => Array(length).fill(index)),
          }
        },
      },
      { rowLength: 4, seed: 1 },
    )
    expect(reads).toEqual([])
    const [first] = take(rows, 1)
    expect(reads).toEqual(segmentsOf(first!).map(([token]) => token))
    expect(reads.length + segmentsOf(take(rows, 1)[0]!).length).toBe(3)
  })

  it("overlong 'truncate' keeps the first row of a document", () => {
    const long = { id: 'long', source: 's', tokens: [0, 1, 2, 3, 4, 5, 6] }
    expect([...packAll([long], { rowLength: 4, seed: 1, overlong: 'truncate' })].map(segmentsOf)).toEqual([[[0, 1, 2, 3]]])
  })
})
