import * as tf from '@tensorflow/tfjs-core'
import { flashAttention } from 'flash-attn-tfjs'
import { expect, test } from 'vitest'
import { attend } from '../../support/attend.ts'
import { type Inputs, makeInputs } from '../../support/cases.ts'
import type { OracleProblem } from '../../support/oracle.ts'

const p: OracleProblem = { B: 2, T: 34, S: 34, H: 2, K: 2, D: 8, causal: true }
const inputs = makeInputs(p, 3)
const shape: [number, number, number, number] = [p.B, p.T, p.H, p.D]

/** The same numbers as query, key and value, made in ways that share or reorder memory. */
const views: Record<string, (inputs: Inputs) => tf.Tensor[]> = {
  'heads reshaped out of the width of a model': ({ q, k, v }) =>
    [q, k, v].map((x) => tf.reshape(tf.tensor3d(x, [p.B, p.T, p.H * p.D]), shape)),
  'slices of one tensor': ({ q, k, v }) => {
    const all = tf.concat(
      [q, k, v].map((x) => tf.tensor4d(x, shape)),
      3,
    )
    return [0, 1, 2].map((i) => tf.slice(all, [0, 0, 0, i * p.D], [...shape.slice(0, 3), p.D]))
  },
  'parts of a split': ({ q, k, v }) =>
    tf.split(
      tf.concat(
        [q, k, v].map((x) => tf.tensor4d(x, shape)),
        1,
      ),
      3,
      1,
    ),
  'transposed from [B, H, T, D]': ({ q, k, v }) =>
    [q, k, v].map((x) => tf.transpose(tf.transpose(tf.tensor4d(x, shape), [0, 2, 1, 3]), [0, 2, 1, 3])),
}

test.each(Object.entries(views))('%s: the same bits, values and gradients', async (_, make) => {
  const tensors = tf.tidy(() => {
    const qkv = make(inputs)
    const f = (...[x, y, z]: tf.Tensor[]) => flashAttention(x as tf.Tensor4D, y as tf.Tensor4D, z as tf.Tensor4D, { causal: true })
    return [f(...qkv), ...tf.grads(f)(qkv, tf.tensor4d(inputs.dOut, shape))]
  })
  const actual = await Promise.all(tensors.map((x) => x.data<'float32'>()))
  tf.dispose(tensors)
  const { logSumExp, ...expected } = await attend(p, inputs)
  expect(actual.map((x) => Float32Array.from(x))).toEqual(Object.values(expected))
})
