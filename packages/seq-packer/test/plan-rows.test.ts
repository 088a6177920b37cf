import fc from 'fast-check'
import { packLengths, planRows } from 'seq-packer'
import { describe, expect, it } from 'vitest'

const cases = fc
  .integer({ min: 1, max: 1100 })
  .chain((rowLength) => fc.tuple(fc.constant(rowLength), fc.array(fc.integer({ min: 1, max: rowLength }), { maxLength: 120 })))
const rowsOf = ({ order, starts }: ReturnType<typeof planRows>) =>
  Array.from({ length: starts.length - 1 }, (_, r) => Array.from(order.subarray(starts[r]!, starts[r + 1]!)))

/** The naive twin of the buffered plan. */
function buffered(lengths: readonly number[], rowLength: number, buffer: number): number[][] {
  const rows: number[][] = []
  const waiting: number[] = []
  let read = 0
  const fill = () => {
    while (waiting.length < buffer && read < lengths.length) waiting.push(read++)
  }
  for (fill(); waiting.length > 0; ) {
    const row = [waiting.shift()!]
    fill()
    for (;;) {
      const room = rowLength - row.reduce((sum, i) => sum + lengths[i]!, 0)
      const fitting = waiting.filter((i) => lengths[i]! <= room)
      if (fitting.length === 0) break
      const longest = Math.max(...fitting.map((i) => lengths[i]!))
      const chosen = fitting.find((i) => lengths[i] === longest)!
      waiting.splice(waiting.indexOf(chosen), 1)
      row.push(chosen)
      fill()
    }
    rows.push(row)
  }
  return rows
}

describe('planRows', () => {
  it.each([undefined, 1, 7])('places every length once and fills no row beyond its end (buffer %s)', (buffer) => {
    fc.assert(
      fc.property(cases, ([rowLength, lengths]) => {
        const plan = planRows(lengths, buffer === undefined ? { rowLength } : { rowLength, buffer })
        expect(Array.from(plan.order).toSorted((a, b) => a - b)).toEqual(lengths.map((_, i) => i))
        const loads = rowsOf(plan).map((row) => row.reduce((sum, i) => sum + lengths[i]!, 0))
        expect(loads.every((load) => load > 0 && load <= rowLength)).toBe(true)
        const tokens = lengths.reduce((sum, length) => sum + length, 0)
        expect(plan.fraction).toBe(lengths.length === 0 ? 0 : tokens / (loads.length * rowLength))
      }),
      { numRuns: 300 },
    )
  })

  it('makes rows as full as those of packLengths, best-fit-decreasing', () => {
    const loads = (rows: readonly number[][], lengths: readonly number[]) =>
      rows.map((row) => row.reduce((sum, i) => sum + lengths[i]!, 0)).toSorted((a, b) => a - b)
    fc.assert(
      fc.property(cases, ([rowLength, lengths]) => {
        expect(loads(rowsOf(planRows(lengths, { rowLength })), lengths)).toEqual(loads(packLengths(lengths, rowLength), lengths))
      }),
      { numRuns: 300 },
    )
  })

  it('with a buffer makes the rows of the naive twin', () => {
    fc.assert(
      fc.property(cases, fc.integer({ min: 1, max: 20 }), ([rowLength, lengths], buffer) => {
        expect(rowsOf(planRows(lengths, { rowLength, buffer }))).toEqual(buffered(lengths, rowLength, buffer))
      }),
      { numRuns: 300 },
    )
  })

  it('names the length, the rule and the way out', () => {
    expect(() => planRows([3, 9], { rowLength: 8 })).toThrow('planRows: lengths[1] is 9, beyond the rowLength 8. Split it first.')
    expect(() => planRows([3, 0], { rowLength: 8 })).toThrow('planRows: lengths[1] is 0; it must be a whole number ≥ 1.')
    expect(() => planRows([3], { rowLength: 2.5 })).toThrow('planRows: rowLength is 2.5; it must be a whole number ≥ 1.')
    expect(() => planRows([3], { rowLength: 8, buffer: 0 })).toThrow('planRows: buffer is 0; it must be a whole number ≥ 1.')
    expect(planRows([], { rowLength: 8 })).toEqual({ order: new Uint32Array(), starts: Uint32Array.of(0), fraction: 0 })
  })
})
