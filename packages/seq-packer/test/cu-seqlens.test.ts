import fc from 'fast-check'
import { cuSeqlens, pack } from 'seq-packer'
import { expect, it } from 'vitest'
import { documents, options, segmentsOf } from './support.ts'

it('cuSeqlens bounds every segment of every row, and the padding of each as one more', () => {
  fc.assert(
    fc.property(documents, options, (documents, options) => {
      const rows = [...pack(documents, options)]
      const lengths = rows.flatMap((row) => {
        const own = segmentsOf(row).map((tokens) => tokens.length)
        const padding = options.rowLength - own.reduce((sum, length) => sum + length, 0)
        return padding > 0 ? [...own, padding] : own
      })
      const { cuSeqlens: bounds, maxSeqlen } = cuSeqlens(rows)
      expect(Array.from(bounds.subarray(1), (bound, i) => bound - bounds[i]!)).toEqual(lengths)
      expect(bounds[0]).toBe(0)
      expect(maxSeqlen).toBe(Math.max(0, ...lengths))
    }),
    { numRuns: 200 },
  )
})
