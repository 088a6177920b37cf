import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { type Document, mix, type PackOptions, pack, repack, utilisation } from 'seq-packer'
import { describe, expect, it } from 'vitest'
import { documents, documentsOf, freshTokens, options, plain, segmentsOf, stopped, take } from './support.ts'

const flattened: {
  cases: { documents: number[][]; input_ids: number[]; labels: number[]; position_ids: number[]; seq_idx: number[] }[]
} = JSON.parse(readFileSync(new URL('./golden/flattened.json', import.meta.url), 'utf8'))

/** The naive twin: rows as lists of pieces, every decision spelt out. */
function naive(documents: readonly Document[], { rowLength, overlap = 0, ...rest }: PackOptions): number[][][] {
  if ('buffer' in rest && rest.buffer) return buffered(documents, rowLength, overlap, rest.buffer)
  const used = (row: number[][]) => row.flat().length
  const ready: number[][][] = []
  let open: number[][][] = []
  const leave = (row: number[][]) => {
    ready.push(row)
    open = open.filter((own) => own !== row)
  }
  for (const document of documents) {
    const tokens = Array.from(document.tokens)
    for (let placed = 0; placed < tokens.length; ) {
      const room = rest.strategy === 'concat' && open[0] ? rowLength - used(open[0]) : rowLength
      const from = Math.max(0, placed - overlap)
      const piece = tokens.slice(from, from + room)
      placed = from + piece.length
      const fitting = open.filter((row) => used(row) + piece.length <= rowLength)
      if (rest.strategy === 'best-fit') fitting.sort((a, b) => used(b) - used(a))
      const row = rest.strategy === 'pad' ? undefined : fitting[0]
      if (row) row.push(piece)
      else open.push([piece])
      const target = row ?? open.at(-1)!
      if (used(target) === rowLength) leave(target)
      const most = rest.strategy === 'pad' ? 0 : rest.strategy === 'concat' ? 1 : 'openRows' in rest ? (rest.openRows ?? 64) : 64
      if (open.length > most) leave(open[0]!)
    }
  }
  return [...ready, ...open]
}

function buffered(documents: readonly Document[], rowLength: number, overlap: number, buffer: number): number[][][] {
  const pieces: number[][] = []
  for (const document of documents) {
    const tokens = Array.from(document.tokens)
    for (let placed = 0; placed < tokens.length; ) {
      const from = Math.max(0, placed - overlap)
      pieces.push(tokens.slice(from, from + rowLength))
      placed = from + pieces.at(-1)!.length
    }
  }
  const waiting = pieces.splice(0, buffer)
  const rows: number[][][] = []
  while (waiting.length > 0) {
    const row: number[][] = []
    let chosen: number[] | undefined = waiting[0]
    while (chosen) {
      row.push(chosen)
      waiting.splice(waiting.indexOf(chosen), 1, ...pieces.splice(0, 1))
      // what is read takes its place at the end
      const read = waiting.length
      if (read > 1 && waiting.some((piece, i) => i > 0 && order(piece) < order(waiting[i - 1]!)))
        waiting.sort((a, b) => order(a) - order(b))
      const room = rowLength - row.flat().length
      const fitting = waiting.filter((piece) => piece.length <= room)
      const longest = Math.max(...fitting.map((piece) => piece.length))
      chosen = fitting.find((piece) => piece.length === longest)
    }
    rows.push(row.sort((a, b) => order(a) - order(b)))
  }
  return rows
}
/** Pieces by their last token: tokens grow through the stream. */
const order = (piece: readonly number[]) => piece.at(-1)!

describe('pack', () => {
  it('makes the rows of the naive twin', () => {
    fc.assert(
      fc.property(documents, options, (documents, options) => {
        expect([...pack(documents, options)].map(segmentsOf)).toEqual(naive(documents, options))
      }),
      { numRuns: 400 },
    )
  })

  it('loses nothing, doubles nothing but the overlap, keeps the order within a row', () => {
    fc.assert(
      fc.property(documents, options, (documents, options) => {
        const rows = [...pack(documents, options)]
        const all = documents.flatMap(({ tokens }) => Array.from(tokens))
        const fresh = freshTokens(rows)
        expect(fresh.toSorted((a, b) => a - b)).toEqual(all) // tokens grow from document to document
        if (options.strategy === 'concat' || options.strategy === 'pad') expect(fresh).toEqual(all)
        const segments = rows.map(segmentsOf)
        if (!options.overlap) expect(segments.flat(2).length).toBe(all.length)
        for (const row of segments) {
          expect(row.map(order)).toEqual(row.map(order).toSorted((a, b) => a - b))
          for (const segment of row) expect(segment).toEqual(segment.map((_, t) => segment[0]! + t)) // the order inside documents
        }
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
          if (!options.overlap)
            expect([...row.lossWeights]).toEqual([...segments.flatMap((own) => own.map((x, t) => (t === 0 ? 0 : (x % 7) / 2))), ...padding])
        }
      }),
      { numRuns: 200 },
    )
  })

  it('with an overlap predicts every token but the first of a document exactly once', () => {
    fc.assert(
      fc.property(documents, options, (documents, options) => {
        if (!options.overlap) return
        const weighed = documents.map((own) => ({ ...own, lossWeights: Array.from(own.tokens, (token) => 1 + (token % 7)) }))
        const predicted = [...pack(weighed, options)].flatMap(({ tokens, lossWeights }) =>
          Array.from(tokens, (token, t) => [token, lossWeights[t]!]).filter(([, weight]) => weight! > 0),
        )
        const wanted = documents.flatMap(({ tokens }) => Array.from(tokens).slice(1))
        expect(predicted.toSorted((a, b) => a[0]! - b[0]!)).toEqual(wanted.map((token) => [token, 1 + (token % 7)]))
      }),
      { numRuns: 300 },
    )
  })

  it('chunk takes full rows of one document each, and nothing else', () => {
    fc.assert(
      fc.property(documents, fc.integer({ min: 2, max: 12 }), fc.nat(11), (documents, rowLength, overlap) => {
        fc.pre(overlap < rowLength)
        const rows = [...pack(documents, { strategy: 'chunk', rowLength, overlap })].map(segmentsOf)
        const wanted = documents.flatMap(({ tokens }) => {
          const starts = Array.from(tokens, (_, t) => t).filter((t) => t % (rowLength - overlap) === 0 && t + rowLength <= tokens.length)
          return starts.map((start) => [Array.from(tokens).slice(start, start + rowLength)])
        })
        expect(rows).toEqual(wanted)
      }),
      { numRuns: 300 },
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
        if (options.strategy === 'pad' || 'buffer' in options || rows < 2) return
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

describe('repack: the same documents in rows of another length', () => {
  it('loses nothing, doubles nothing, from any row to any other packing, and is resumed like any', () => {
    fc.assert(
      fc.property(documents, options, options, fc.nat(12), fc.nat(6), (documents, before, after, count, more) => {
        const first = pack(documents, before)
        const head = take(first, count)
        const second = pack(documents, after)
        second.restore(repack(JSON.parse(JSON.stringify(first.state())), after))
        const middle = take(second, more)
        const third = pack(documents, after)
        third.restore(stopped(second, 0).state)
        const all = documents.flatMap(({ tokens }) => Array.from(tokens))
        const rows = [...head, ...middle, ...third]
        expect(freshTokens(rows).toSorted((a, b) => a - b)).toEqual(all)
        if (!before.overlap && !after.overlap) expect(rows.flatMap(segmentsOf).flat().length).toBe(all.length)
      }),
      { numRuns: 400 },
    )
  })

  it('puts a document together again that was cut and is still here', () => {
    const documents = documentsOf([3, 9])
    const short = pack(documents, { strategy: 'first-fit', rowLength: 4 })
    expect(segmentsOf(short.next().value!)).toEqual([[1000, 1001, 1002, 1003]])
    const options: PackOptions = { strategy: 'concat', rowLength: 8 }
    const long = pack(documents, options)
    long.restore(repack(short.state(), options))
    expect([...long].map(segmentsOf)).toEqual([
      [
        [0, 1, 2],
        [1004, 1005, 1006, 1007, 1008],
      ],
    ])
  })
})
