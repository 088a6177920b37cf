import * as tf from '@tensorflow/tfjs-core'
import fc from 'fast-check'
import { initParams, tokenLosses } from 'llama-model'
import { pack } from 'seq-packer'
import { batches } from 'seq-packer/tfjs'
import { expect, it } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { config } from './golden/rows.ts'

it('a model sees each document of a packed row as if it were alone', () => {
  const params = initParams(config, 1)
  const lengths = fc.array(fc.integer({ min: 1, max: 24 }), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(lengths, fc.integer({ min: 1, max: 6 }), (lengths, buffer) => {
      const documents = lengths.map((length, i) => ({
        id: `${i}`,
        source: 'random',
        tokens: Array.from({ length }, (_, t) => (i * 17 + t * t * 5 + 3 * t) % 64),
      }))
      const rows = [...pack(documents, { strategy: 'best-fit', buffer, rowLength: 24, paddingToken: 9 })]
      const batch = batches(rows, rows.length).next().value!
      const packed = tokenLosses(params, config, batch)
      const losses = packed.dataSync()
      const alone = new Map<string, Float32Array>()
      for (const { tokens } of documents) {
        const own: tf.Tensor2D = tf.tensor2d([tokens], undefined, 'int32')
        const loss = tokenLosses(params, config, { tokens: own })
        alone.set(`${tokens}`, Float32Array.from(loss.dataSync()))
        tf.dispose([own, loss])
      }
      let found = 0
      for (const [r, { tokens, segmentIds }] of rows.entries())
        for (let from = 0; from < 24 && segmentIds[from] !== 0; ) {
          let end = from
          while (end < 24 && segmentIds[end] === segmentIds[from]) end++
          // float32: the same numbers in another order
          expectClose(losses.subarray(24 * r + from, 24 * r + end), alone.get(`${tokens.subarray(from, end)}`)!, { atol: 1e-5 })
          found++
          from = end
        }
      expect(found).toBe(documents.length)
      tf.dispose([{ ...batch }, packed])
    }),
    { numRuns: 15 },
  )
  tf.dispose(params)
})
