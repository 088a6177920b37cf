import * as tf from '@tensorflow/tfjs-core'
import fc from 'fast-check'
import { mix, pack, type Row } from 'seq-packer'
import { type Batch, batches } from 'seq-packer/tfjs'
import { describe, expect, it } from 'vitest'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { documentsOf } from './support.ts'

const rows = (count: number): Row[] => [
  ...pack(documentsOf(Array.from({ length: count }, (_, i) => 1 + (i % 5))), { strategy: 'pad', rowLength: 5 }),
]
const keys = ['tokens', 'segmentIds', 'positions', 'lossWeights'] as const

/** The numbers of a batch; disposes it. */
function read(batch: Batch): Record<(typeof keys)[number], number[][]> {
  const [tokens, segmentIds, positions, lossWeights] = keys.map((key) => batch[key].arraySync())
  tf.dispose({ ...batch })
  return { tokens: tokens!, segmentIds: segmentIds!, positions: positions!, lossWeights: lossWeights! }
}

describe('batches', () => {
  it('holds the rows in their order, int32 and float32, the last batch what is left', () =>
    expectNoLeaks(() => {
      fc.assert(
        fc.property(fc.nat(9), fc.integer({ min: 1, max: 4 }), (count, batchSize) => {
          const all = rows(count)
          const made = [...batches(all, batchSize)]
          expect(made.map(({ tokens }) => tokens.shape)).toEqual(
            Array.from({ length: Math.ceil(count / batchSize) }, (_, i) => [Math.min(batchSize, count - i * batchSize), 5]),
          )
          for (const batch of made) expect(keys.map((key) => batch[key].dtype)).toEqual(['int32', 'int32', 'int32', 'float32'])
          const values = made.map(read)
          for (const key of keys) expect(values.flatMap((batch) => batch[key])).toEqual(all.map((row) => Array.from(row[key])))
        }),
        { numRuns: 40 },
      )
    }))

  it('leaves alive four tensors a batch, which the caller disposes, also inside a tidy', () =>
    expectNoLeaks(() => {
      const before = tf.memory().numTensors
      const stream = batches(rows(4), 2)
      const { value: batch } = stream.next()
      expect(tf.memory().numTensors).toBe(before + 4)
      tf.dispose({ ...batch! })
      tf.tidy(() => void stream.next())
    }))

  it('reads the rows it hands out and none ahead; state and restore work unbound', () =>
    expectNoLeaks(() => {
      const make = () => {
        const source = mix({ texts: documentsOf([3, 9, 4, 6, 2]) }, { weights: { texts: 1 }, seed: 7 })
        const stream = pack(source, { strategy: 'best-fit', rowLength: 8, openRows: 2 })
        return { rows: stream, data: batches(stream, 3) }
      }
      const { rows, data } = make()
      const { state } = data
      for (let step = 0; step < 6; step++) read(data.next().value!)
      expect(state()).toEqual(rows.state())
      const resumed = make().data
      const { restore } = resumed
      restore(JSON.parse(JSON.stringify(state())))
      for (let step = 0; step < 6; step++) expect(read(resumed.next().value!)).toEqual(read(data.next().value!))
    }))

  it('over an array of rows counts them', () =>
    expectNoLeaks(() => {
      const all = rows(5)
      const data = batches(all, 2)
      read(data.next().value!)
      expect(data.state()).toBe(2)
      const resumed = batches(all, 2)
      resumed.restore(4)
      expect(read(resumed.next().value!).tokens).toEqual([Array.from(all[4]!.tokens)])
      expect(resumed.next().done).toBe(true)
    }))

  it('refuses a batch size that is no whole number and rows of several lengths, and frees what it made', () =>
    expectNoLeaks(() => {
      expect(() => batches(rows(2), 1.5)).toThrow('batches: batchSize is 1.5; it must be a whole number ≥ 1.')
      expect(() => batches(rows(2), 0)).toThrow('batches: batchSize is 0; it must be a whole number ≥ 1.')
      expect(() => batches(7 as never, 1)).toThrow('batches: rows is 7; it must be an iterable')
      const longer = [...pack(documentsOf([3]), { strategy: 'pad', rowLength: 6 })]
      expect(() => batches([...rows(1), ...longer], 2).next()).toThrow(
        'batches: rows of 5 and of 6 tokens in one batch. Pack all with one rowLength.',
      )
    }))
})
