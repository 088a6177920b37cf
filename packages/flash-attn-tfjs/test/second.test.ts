import * as tf from '@tensorflow/tfjs-core'
import { attention, flashAttention, mergeAttention } from 'flash-attn-tfjs'
import { expect, test } from 'vitest'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { makeInputs, packedIds, uniform } from './support/cases.ts'
import { type OracleProblem, oracle } from './support/oracle.ts'

const ids = packedIds(5, 2, 9, 4, 2)
const cases: Record<string, OracleProblem> = {
  'causal, grouped queries': { B: 1, T: 6, S: 7, H: 2, K: 1, D: 3, causal: true },
  'window and softcap': { B: 1, T: 8, S: 8, H: 2, K: 2, D: 4, causal: false, window: 3, softcap: 1.5, scale: 0.8 },
  'segments with padding': { B: 2, T: 9, S: 9, H: 1, K: 1, D: 4, causal: true, queryIds: ids, keyIds: ids },
}

/** max |Δ| / max |reference| */
function relative(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  const largest = Math.max(...Array.from(expected, Math.abs))
  return Math.max(...Array.from(actual, (x, i) => Math.abs(x - expected[i]!))) / largest
}

test.each(Object.entries(cases))('the gradient of a gradient equals float64 differences of gradients: %s', async (_, p) => {
  const { q, k, v, dOut } = makeInputs(p, 3, 0.5)
  const along = [uniform(71, q.length), uniform(72, k.length), uniform(73, v.length)]
  const ofQuery = [p.B, p.T, p.H, p.D]
  const ofKey = [p.B, p.S, p.K, p.D]
  // φ(q, k, v, dO) = ⟨along, gradients⟩; its gradient in the inputs, by the symmetry of second derivatives, is how the gradients
  // change along `along` (in q, k, v), and how the output does (in dO)
  const h = 1e-4
  const at = (sign: number) => {
    const moved = [q, k, v].map((x, n) => Float64Array.from(x, (value, i) => value + sign * h * along[n]![i]!))
    return oracle(p, moved[0]!, moved[1]!, moved[2]!, dOut)
  }
  const [up, down] = [at(1), at(-1)]
  const expected = (['dQuery', 'dKey', 'dValue', 'out'] as const).map((part) => up[part].map((x, i) => (x - down[part][i]!) / (2 * h)))
  const second = () =>
    tf.tidy(() => {
      const segmentIds = p.queryIds && tf.tensor2d(Int32Array.from(p.queryIds), [p.B, p.T], 'int32')
      const first = (...xs: tf.Tensor[]) =>
        tf.grads((...ys: tf.Tensor[]) =>
          flashAttention(ys[0] as tf.Tensor4D, ys[1] as tf.Tensor4D, ys[2] as tf.Tensor4D, { ...optionsOf(p), segmentIds }),
        )(xs.slice(0, 3), xs[3])
      const phi = (...xs: tf.Tensor[]) =>
        first(...xs)
          .map((gradient, n) => tf.sum(tf.mul(gradient, tf.tensor(along[n]!, gradient.shape))))
          .reduce((x, y) => tf.add(x, y))
      const inputs = [tf.tensor(q, ofQuery), tf.tensor(k, ofKey), tf.tensor(v, ofKey), tf.tensor(dOut, ofQuery)]
      return tf.grads(phi)(inputs)
    })
  const actual = second()
  // differences err by h² = 1e-8, float32 by some 1e-6
  for (const [n, gradient] of actual.entries()) expect(relative(gradient.dataSync(), expected[n]!)).toBeLessThan(1e-5)
  tf.dispose(actual)
  await expectNoLeaks(second)
})

const optionsOf = ({ causal, scale, window, softcap }: OracleProblem) => ({ causal, scale, window, softcap })

test('logSumExp: natural log, −∞ in empty rows, differentiable once and twice', () => {
  const p: OracleProblem = { B: 1, T: 9, S: 6, H: 2, K: 1, D: 4, causal: true } // the first three rows see nothing
  const { q, k, v } = makeInputs(p, 4, 0.5)
  const tensors = () => [tf.tensor4d(q, [1, 9, 2, 4]), tf.tensor4d(k, [1, 6, 1, 4]), tf.tensor4d(v, [1, 6, 1, 4])] as const
  const loss = (attend: typeof flashAttention | typeof attention) => (x: tf.Tensor) =>
    tf.tidy((): tf.Scalar => {
      const [, key, value] = tensors()
      const [out, log] = attend(x as tf.Tensor4D, key, value, { causal: true, returnLogSumExp: true })
      const finite = tf.slice(log, [0, 0, 3])
      return tf.add(tf.sum(tf.square(finite)), tf.sum(tf.square(out)))
    })
  const [query, key, value] = tensors()
  const [, log] = flashAttention(query, key, value, { causal: true, returnLogSumExp: true })
  const [, naive] = attention(query, key, value, { causal: true, returnLogSumExp: true })
  const logs = log.dataSync()
  expect(Array.from(logs.subarray(0, 3))).toEqual([-Infinity, -Infinity, -Infinity])
  expect(Array.from(naive.dataSync().subarray(0, 3))).toEqual([-Infinity, -Infinity, -Infinity])
  expect(relative(logs.subarray(3, 9), naive.dataSync().subarray(3, 9))).toBeLessThan(1e-6)
  const gradient = (x: tf.Tensor) => tf.grad(loss(flashAttention))(x)
  expect(relative(gradient(query).dataSync(), tf.grad(loss(attention))(query).dataSync())).toBeLessThan(1e-5)
  const along = tf.tensor(uniform(9, q.length), query.shape)
  const second = tf.grad((x) => tf.sum(tf.mul(gradient(x), along)))(query)
  const h = 1e-2 // float32 differences: rounding 1e-6 / 1e-2, truncation 1e-4
  const moved = (sign: number) => gradient(tf.add(query, tf.mul(along, sign * h)))
  expect(relative(second.dataSync(), tf.div(tf.sub(moved(1), moved(-1)), 2 * h).dataSync())).toBeLessThan(1e-3)
})

test('a third derivative throws', () => {
  const x = tf.ones([1, 2, 1, 2])
  const f = (x: tf.Tensor) => flashAttention(x as tf.Tensor4D, x as tf.Tensor4D, x as tf.Tensor4D, { causal: true })
  const second = tf.grad((x) => tf.sum(tf.grad(f)(x)))
  expect(() => tf.grad((x) => tf.sum(second(x)))(x)).toThrow(/third derivatives/)
})

test('merged pieces of the keys equal the whole, values and gradients', () => {
  const shape = [1, 5, 2, 4] as const
  const pieces = [3, 1, 6]
  const value = (merge: boolean) => (q: tf.Tensor, k: tf.Tensor) =>
    tf.tidy((): tf.Scalar => {
      const options = { causal: false, returnLogSumExp: true } as const
      const query = q as tf.Tensor4D
      const parts = merge ? (tf.split(k, pieces, 1) as tf.Tensor4D[]) : [k as tf.Tensor4D]
      const nothing: [tf.Tensor4D, tf.Tensor3D] = [tf.zeros([...shape]), tf.fill([1, 2, 5], Number.NEGATIVE_INFINITY)]
      const [out, log] = mergeAttention([nothing, ...parts.map((x) => flashAttention(query, x, x, options))])
      return tf.add(tf.sum(tf.square(out)), tf.sum(tf.square(log)))
    })
  const inputs = [tf.tensor(uniform(1, 40), [...shape]), tf.tensor(uniform(2, 80), [1, 10, 2, 4])]
  const whole = tf.valueAndGrads(value(false))(inputs)
  const merged = tf.valueAndGrads(value(true))(inputs)
  expect(relative(merged.value.dataSync(), whole.value.dataSync())).toBeLessThan(1e-6)
  for (const i of [0, 1]) expect(relative(merged.grads[i]!.dataSync(), whole.grads[i]!.dataSync())).toBeLessThan(1e-5)
  const [out, log] = mergeAttention([[tf.zeros([1, 1, 1, 2]), tf.fill([1, 1, 1], Number.NEGATIVE_INFINITY)]])
  expect([...out.dataSync(), ...log.dataSync()]).toEqual([0, 0, Number.NEGATIVE_INFINITY])
  expect(() => mergeAttention([])).toThrow(/at least one/)
})
