import { readFileSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs-core'
import { runningMean } from '__name__'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { expectNoLeaks } from '../../../test/support/leaks.ts'

// float32 sums of at most 20 terms of size ≤ 100
const tolerance = { atol: 1e-4 }
const matrices = fc
  .tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 4 }))
  .chain(([T, C]) =>
    fc.array(fc.array(fc.integer({ min: -100, max: 100 }), { minLength: C, maxLength: C }), { minLength: T, maxLength: T }),
  )

test('oracle: equals float64 loops', () =>
  fc.assert(
    fc.property(matrices, (rows) => {
      const expected = rows.flatMap((row, t) => row.map((_, c) => rows.slice(0, t + 1).reduce((sum, own) => sum + own[c]!, 0) / (t + 1)))
      expectClose(runningMean(tf.tensor2d(rows)).dataSync(), expected, tolerance)
    }),
  ))

test('property: what comes later changes nothing before', () =>
  fc.assert(
    fc.property(matrices, (rows) => {
      const whole = runningMean(tf.tensor2d(rows)).dataSync()
      const start = runningMean(tf.tensor2d(rows.slice(0, Math.ceil(rows.length / 2)))).dataSync()
      expect(whole.slice(0, start.length)).toEqual(start)
    }),
  ))

test('golden: equals NumPy', () => {
  const { x, y }: { x: number[][]; y: number[] } = JSON.parse(readFileSync(new URL('golden/numpy.json', import.meta.url), 'utf8'))
  expectClose(runningMean(tf.tensor2d(x)).dataSync(), y, tolerance)
})

test('leaves nothing but its result', () => {
  const x = tf.ones<tf.Rank.R2>([5, 2])
  return expectNoLeaks(() => runningMean(x))
})

test('an error names the shape and the rule', () =>
  expect(() => runningMean(tf.ones([3]) as unknown as tf.Tensor2D)).toThrow('runningMean: x has shape [3]; it must be [T, C]'))
