import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { type Document, mix, type PackOptions, pack, utilisation } from 'seq-packer'
import { describe, expect, it } from 'vitest'
import { documents, documentsOf, options, plain, segmentsOf, stopped, take } from './support.ts'

const flattened: {
  cases: { documents: number[][]; input_ids: number[]; labels: number[]; position_ids: number[]; seq_idx: number[] }[]
} = JSON.parse(readFileSync(new URL('./golden/flattened.json', import.meta.url), 'utf8'))

/** The naive twin: rows as lists of pieces, every decision spelt out. */
function naive(documents: readonly Document[], { rowLength, ...rest }: PackOptions): number[][][] {
  const used = (row: number[][]) => row.flat().length
  const ready: number[][][] = []
  let open: number[][][] = []
  const leave = (row: number[][]) => {
    ready.push(row)
    open = open.filter((own) => own !== row)
  }
  for (const document of documents) {
    let left = Array.from(document.tokens)
    while (left.length > 0) {
      const room = rest.strategy === 'concat' && open[0] ? rowLength - used(open[0]) : rowLength
      const piece = left.slice(0, room)
      left = left.slice(room)
      const fitting = open.filter((row) => used(row) + piece.length <= rowLength)
      if (rest.strategy === 'best-fit') fitting.sort((a, b) => used(b) - used(a))
      const row = rest.strategy === 'pad' ? undefined : fitting[0]
      if (row) row.push(piece)
      else open.push([piece])
      const target = row ?? open.at(-1)!
      if (used(target) === rowLength) leave(target)
      const most = rest.strategy === 'pad' ? 0 : rest.strategy === 'concat' ? 1 : (rest.openRows ?? 64)
      if (open.length > most) leave(open[0]!)
    }
  }
  return [...ready, ...open]
}

describe('pack', () => {
  it('makes the rows of the naive twin', () => {
    fc.assert(
      fc.property(documents, options, (documents, options) => {
        expect([...pack(documents, options)].map(segmentsOf)).toEqual(naive(documents, options))
      }),
      { numRuns: 400 },
    )
  })

  it('loses nothing, doubles nothing, keeps the order within a row', () => {
    fc.assert(
      fc.property(documents, options, (documents, options) => {
        const rows = [...pack(documents, options)].map(segmentsOf)
        const all = documents.flatMap(({ tokens }) => Array.from(tokens))
        expect(rows.flat(2).toSorted((a, b) => a - b)).toEqual(all) // tokens grow from document to document
        if (options.strategy === 'concat' || options.strategy === 'pad') expect(rows.flat(2)).toEqual(all)
        for (const row of rows) expect(row.flat()).toEqual(row.flat().toSorted((a, b) => a - b))
      }),
      { numRuns: 200 },
    )
  })

  it('numbers segments from 1, positions from 0 in each, pads at the right, weighs every token but the first', () => {
    fc.assert(
      fc.property(documents, options, fc.nat(9), (documents, options, paddingToken) => {
        const weighed = documents.map((own) => ({ ...own, lossWeights: Array.from(own.tokens, (token) => (token % 7) / 2) }))
        for (const row of pack(weighed, { ...options, paddingToken })) {
          const segments = segmentsOf(row)
          const padding = Array.from({ length: options.rowLength - segments.flat().length }, () => 0)
          expect([...row.tokens]).toEqual([...segments.flat(), ...padding.map(() => paddingToken)])
          expect([...row.segmentIds]).toEqual([...segments.flatMap((own, i) => own.map(() => i + 1)), ...padding])
          expect([...row.positions]).toEqual([...segments.flatMap((own) => own.map((_, t) => t)), ...padding])
          expect([...row.lossWeights]).toEqual([...segments.flatMap((own) => own.map((x, t) => (t === 0 ? 0 : (x % 7) / 2))), ...padding])
        }
      }),
      { numRuns: 200 },
    )
  })

  it.each(flattened.cases)(
    'flattens documents as transformers does, case %#',
    ({ documents, input_ids, labels, position_ids, seq_idx }) => {
      const rowLength = Math.max(2, input_ids.length)
      const [row] = pack(
        documents.map((tokens, i) => ({ id: `${i}`, source: 'golden', tokens })),
        { strategy: 'best-fit', rowLength },
      )
      expect([...row!.tokens]).toEqual(input_ids)
      expect([...row!.positions]).toEqual(position_ids)
      expect([...row!.segmentIds]).toEqual(seq_idx.map((id) => id + 1))
      expect([...row!.lossWeights]).toEqual(labels.map((label) => (label === -100 ? 0 : 1)))
    },
  )

  it('concat with segments: row makes one segment of it, which attention and positions run through', () => {
    const [first, second] = pack(documentsOf([3, 4, 1]), { strategy: 'concat', rowLength: 5, segments: 'row' })
    expect([...first!.tokens]).toEqual([0, 1, 2, 1000, 1001])
    expect([...first!.segmentIds]).toEqual([1, 1, 1, 1, 1])
    expect([...first!.positions]).toEqual([0, 1, 2, 3, 4])
    expect([...first!.lossWeights]).toEqual([0, 1, 1, 1, 1])
    expect([...second!.tokens]).toEqual([1002, 1003, 2000, 0, 0])
    expect([...second!.segmentIds]).toEqual([1, 1, 1, 0, 0])
    expect([...second!.lossWeights]).toEqual([0, 1, 1, 0, 0])
  })

  it.each(['pad', 'first-fit', 'best-fit'] as const)('overlong: truncate keeps the first row of a document (%s)', (strategy) => {
    const rows = [...pack(documentsOf([9, 4, 12]), { strategy, rowLength: 4, overlong: 'truncate' })]
    expect(rows.map(segmentsOf)).toEqual([[[0, 1, 2, 3]], [[1000, 1001, 1002, 1003]], [[2000, 2001, 2002, 2003]]])
  })

  it('fits waste less than half: two rows opened one after the other hold more than one row of tokens', () => {
    fc.assert(
      fc.property(documents, options, (documents, options) => {
        const { rows, tokens, padding, fraction } = utilisation(pack(documents, options))
        expect(tokens + padding).toBe(rows * options.rowLength)
        if (options.strategy === 'concat') expect(padding).toBeLessThan(options.rowLength)
        if (options.strategy === 'pad' || rows < 2) return
        expect(tokens).toBeGreaterThan(options.rowLength * Math.floor(rows / 2))
        expect(fraction).toBe(tokens / (tokens + padding))
      }),
      { numRuns: 200 },
    )
  })

  it('reads a document only when the row at hand needs it', () => {
    let read = 0
    function* counted() {
      for (const document of documentsOf([4, 4, 4, 4, 4])) {
        read++
        yield document
      }
    }
    const rows = pack(counted(), { strategy: 'concat', rowLength: 6 })
    expect(read).toBe(0)
    expect([rows.next(), rows.next(), rows.next()].map(() => read)).toEqual([5, 5, 5].map(() => read))
    expect(read).toBe(5) // 18 tokens
    take(pack(counted(), { strategy: 'pad', rowLength: 6 }), 2)
    expect(read).toBe(7)
  })

  it('goes on where the last loop stopped, and stays at the end', () => {
    const rows = pack(documentsOf([2, 2, 2]), { strategy: 'pad', rowLength: 2 })
    for (const row of rows) {
      expect(segmentsOf(row)).toEqual([[0, 1]])
      break
    }
    expect([...rows].map(segmentsOf)).toEqual([[[1000, 1001]], [[2000, 2001]]])
    expect([...rows]).toEqual([])
  })
})

describe('pack: restore gives exactly the rows that were to come', () => {
  const anywhere = fc.nat(30)

  it('over an array, in a new stream and in the old one', () => {
    fc.assert(
      fc.property(documents, options, anywhere, (documents, options, count) => {
        const first = pack(documents, options)
        const { state, rest } = stopped(first, count)
        const second = pack(documents, options)
        second.restore(state)
        expect(second.state()).toEqual(state)
        expect(take(second, 60).map(plain)).toEqual(rest.map(plain))
        first.restore(state)
        expect(take(first, 60).map(plain)).toEqual(rest.map(plain))
      }),
      { numRuns: 300 },
    )
  })

  it('over a mix, stopped twice', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(lengths, lengths, options, anywhere, fc.nat(15), fc.integer(), (a, b, options, count, more, seed) => {
        const make = () => pack(mix({ a: documentsOf(a, 'a'), b: documentsOf(b, 'b') }, { weights: { a: 1, b: 2 }, seed }), options)
        const whole = take(make(), count + more + 60)
        const second = make()
        second.restore(stopped(make(), count).state)
        const third = make()
        third.restore(stopped(second, more).state)
        expect(take(third, 60).map(plain)).toEqual(whole.slice(count + more).map(plain))
      }),
      { numRuns: 200 },
    )
  })

  it('with a state that stays small however long the stream runs', () => {
    const rows = pack(mix({ a: documentsOf([7, 3, 11, 5]) }, { weights: { a: 1 }, seed: 1 }), {
      strategy: 'best-fit',
      rowLength: 12,
      openRows: 4,
    })
    for (let i = 0; i < 20; i++) {
      take(rows, 100)
      expect(JSON.stringify(rows.state()).length).toBeLessThan(600)
    }
  })

  it('over a generator made anew, not over one that has been read', () => {
    const generate = function* () {
      yield* documentsOf([5, 6, 7, 8])
    }
    const options: PackOptions = { strategy: 'concat', rowLength: 4 }
    const read = pack(generate(), options)
    const { state, rest } = stopped(read, 2)
    const fresh = pack(generate(), options)
    fresh.restore(state)
    expect([...fresh].map(plain)).toEqual(rest.map(plain))
    expect(() => read.restore(state)).toThrow('pack: documents is a generator that has been read already; it cannot go back.')
  })
})
