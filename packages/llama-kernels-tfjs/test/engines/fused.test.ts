// The fused ops on every engine, against definitions in float64.
import * as tf from '@tensorflow/tfjs-core'
import { adamwStep, globalNorm, linearCrossEntropy, rmsNorm, swiGlu } from 'llama-kernels-tfjs'
import { describe, expect, test } from 'vitest'
import { expectClose } from '../../../../test/support/close.ts'
import { engine } from '../../../../test/support/engine.ts'
import { adamw, crossEntropy, normalised, numbers, swish } from '../oracle.ts'

/** A float32 sum of a few dozen terms, and WGSL's exp, which may be off by 3 + 2·|x| units in the last place. */
const tolerance = { atol: 2e-5, rtol: 2e-5 }

/** The values of `body`'s tensors; nothing else stays alive, and a second run gives the same bits. */
async function values(body: () => tf.Tensor[]): Promise<Float32Array[]> {
  const before = tf.memory().numTensors
  const read = async () => {
    const tensors = tf.tidy(body)
    const data = await Promise.all(tensors.map((tensor) => tensor.data<'float32'>()))
    tf.dispose(tensors)
    return data.map((array) => new Float32Array(array))
  }
  const first = await read()
  expect(await read()).toEqual(first)
  expect(tf.memory().numTensors).toBe(before)
  return first
}

const compare = (actual: readonly Float32Array[], expected: readonly ArrayLike<number>[]) => {
  for (const [index, array] of expected.entries()) expectClose(actual[index]!, array, tolerance)
}

describe(engine.name, () => {
  test.each([
    [1, 1],
    [5, 33],
  ])('rmsNorm of [%i, %i] with gradients', async (rows, C) => {
    const draw = numbers(rows)
    const [x, w, dy] = [draw(rows * C, 3), draw(C), draw(rows * C)]
    const f = (a: tf.Tensor, b: tf.Tensor) => rmsNorm(a, b as tf.Tensor1D, 1e-5)
    const actual = await values(() => {
      const [a, b] = [tf.tensor(x, [rows, 1, C]), tf.tensor1d(w)]
      return [f(a, b), ...tf.grads(f)([a, b], tf.tensor(dy, [rows, 1, C]))]
    })
    compare(actual, normalised({ rows, C, x, w, dy, epsilon: 1e-5 }))
  })

  test('rmsNorm does not care about the scale: rows of ±1e4 and of 1e-3', async () => {
    const draw = numbers(8)
    const unit = draw(32)
    const [x, w, dy] = [Float32Array.from([...unit.map((v) => 1e4 * v), ...unit.map((v) => 1e-3 * v)]), draw(32), draw(64)]
    const [actual] = await values(() => [rmsNorm(tf.tensor2d(x, [2, 32]), tf.tensor1d(w), 1e-12)])
    compare([actual!], [normalised({ rows: 2, C: 32, x, w, dy, epsilon: 1e-12 })[0]!])
  })

  test('swiGlu with gradients, gates of ±1e4 among them', async () => {
    const draw = numbers(4)
    const [gate, up, dy] = [draw(67, 10), draw(67), draw(67)]
    gate.set([1e4, -1e4, 100, -100, 0])
    const actual = await values(() => {
      const [g, b] = [tf.tensor1d(gate), tf.tensor1d(up)]
      return [swiGlu(g, b), ...tf.grads(swiGlu)([g, b], tf.tensor1d(dy))]
    })
    compare(actual, swish(gate, up, dy))
  })

  test.each([1, 100])('linearCrossEntropy with gradients, hidden states up to %i, rows of weight 0', async (scale) => {
    const [N, C, V] = [19, 12, 90]
    const draw = numbers(3)
    const [h, w] = [draw(N * C, scale), draw(V * C)]
    const targets = Int32Array.from(draw(N), (value) => Math.floor(((value + 1) / 2) * V))
    const weights = Float32Array.from(draw(N), (value) => (value < -0.5 ? 0 : value + 1))
    const actual = await values(() => {
      const [t, ws] = [tf.tensor1d(targets, 'int32'), tf.tensor1d(weights)]
      const f = (a: tf.Tensor, b: tf.Tensor) => linearCrossEntropy(a as tf.Tensor2D, b as tf.Tensor2D, t, ws)
      const [a, b] = [tf.tensor2d(h, [N, C]), tf.tensor2d(w, [V, C])]
      return [f(a, b), ...tf.grads(f)([a, b])]
    })
    const expected = crossEntropy({ N, C, V, h, w, targets, weights })
    // an error of 2⁻²⁴ in logits of a few hundred is one of that times their size in each probability
    for (const [index, array] of expected.entries()) expectClose(actual[index]!, array, { atol: 2e-5 * scale, rtol: 2e-5 })
  })

  test.skipIf(!tf.getKernel('LinearCrossEntropyGrad', engine.backend))('cross-entropy without dWeight gives the same dHidden', async () => {
    const [N, C, V] = [19, 12, 90]
    const draw = numbers(3)
    const [h, w, g] = [draw(N * C), draw(V * C), draw(N)]
    g[3] = 0
    const kernels = ['LinearCrossEntropyGrad', 'LinearCrossEntropyWithGrad'].filter((name) => tf.getKernel(name, engine.backend))
    for (const name of kernels) {
      const run = (weightGradient: boolean) =>
        values(() => {
          const targets = tf.range(0, N, 1, 'int32')
          const inputs = {
            hidden: tf.tensor2d(h, [N, C]),
            weight: tf.tensor2d(w, [V, C]),
            targets,
            dLosses: tf.tensor1d(g),
            logSumExp: tf.ones([N]),
          }
          return tf.engine().runKernel(name, inputs, { weightGradient }) as tf.Tensor[]
        })
      expect(await run(false), name).toEqual((await run(true)).slice(0, -1))
    }
  })

  test('adamwStep', async () => {
    const draw = numbers(6)
    const [param, grad, moment1] = [draw(131), draw(131), draw(131, 0.1)]
    const moment2 = draw(131, 0.01).map(Math.abs)
    const options = { learningRate: 0.02, step: 3, beta1: 0.9, beta2: 0.95, epsilon: 1e-6, weightDecay: 0.1, gradientScale: 0.5 }
    const actual = await values(() => {
      const tensors = { param: tf.tensor1d(param), grad: tf.tensor1d(grad), moment1: tf.tensor1d(moment1), moment2: tf.tensor1d(moment2) }
      const next = adamwStep(tensors, options)
      return [next.param, next.moment1, next.moment2]
    })
    compare(actual, adamw({ param, grad, moment1, moment2 }, options))
  })

  test('NaN stays in its row', async () => {
    const x = new Float32Array(3 * 8).fill(1)
    x[8] = Number.NaN
    const [norm, gated] = await values(() => {
      const rows = tf.tensor2d(x, [3, 8])
      return [rmsNorm(rows, tf.ones([8])), swiGlu(rows, tf.onesLike(rows))]
    })
    expect([...norm!].map(Number.isNaN)).toEqual([...x].map((_, i) => i >= 8 && i < 16))
    expect([...gated!].map(Number.isNaN)).toEqual([...x].map(Number.isNaN))
  })

  test.each([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('%d stays in its row, and shows', async (infinity) => {
    const x = new Float32Array(3 * 8).fill(1)
    x[8] = infinity
    const [norm, gated, loss, all] = await values(() => {
      const rows = tf.tensor2d(x, [3, 8])
      const entropy = linearCrossEntropy(rows, tf.ones([5, 8]), tf.tensor1d([0, 1, 2], 'int32'), tf.ones([3]))
      return [rmsNorm(rows, tf.ones([8])), swiGlu(rows, tf.onesLike(rows)), entropy, globalNorm([rows])]
    })
    expect([...norm!].map(Number.isFinite)).toEqual([...x].map((_, i) => i !== 8)) // ∞ / ∞; the others of its row are 1 / ∞
    expect([...norm!.subarray(9, 16)]).toEqual(Array(7).fill(0))
    expect([...gated!].map(Number.isFinite)).toEqual([...x].map(Number.isFinite))
    expect([...loss!, ...all!].some(Number.isFinite)).toBe(false)
  })

  test('shapes that do not fit are refused', () =>
    tf.tidy(() => {
      expect(() => rmsNorm(tf.ones([2, 4]), tf.ones([3]))).toThrow(RangeError)
      expect(() => swiGlu(tf.ones([2, 4]), tf.ones([4, 2]))).toThrow(RangeError)
      expect(() => linearCrossEntropy(tf.ones([2, 4]), tf.ones([5, 3]), tf.zeros([2], 'int32'), tf.ones([2]))).toThrow(RangeError)
      const one = tf.ones([2])
      expect(() => adamwStep({ param: one, grad: tf.ones([3]), moment1: one, moment2: one }, { learningRate: 1, step: 1 })).toThrow(
        RangeError,
      )
    }))
})
