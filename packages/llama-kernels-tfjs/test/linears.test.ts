import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { numbers, register, sameBits, startWasm, ways } from './support.ts'

beforeAll(startWasm)

const epsilon = 1e-5

interface Problem {
  readonly rows: number
  readonly C: number
  readonly sizes: readonly number[]
  readonly x: Float32Array
  readonly norm?: Float32Array
  readonly residual?: Float32Array
  readonly weights: readonly Float32Array[]
  readonly gated?: boolean
}

function makeProblem(rows: number, C: number, sizes: readonly number[], form: 'plain' | 'norm' | 'residual' | 'gated'): Problem {
  const draw = numbers(rows * 1000 + C)
  return {
    ...{ rows, C, sizes, x: draw(rows * C, 2), weights: sizes.map((size) => draw(size * C)), gated: form === 'gated' },
    ...((form === 'norm' || form === 'gated') && { norm: draw(C) }),
    ...(form === 'residual' && { residual: draw(rows * sizes[0]!) }),
  }
}

/** The kernel's outputs. */
function run({ rows, C, sizes, x, norm, residual, weights, gated = false }: Problem): Float32Array[] {
  return tf.tidy(() => {
    const matrices = Object.fromEntries(weights.map((w, i) => [`weight${i}`, tf.tensor2d(w, [sizes[i]!, C])]))
    const inputs = {
      ...{ x: tf.tensor2d(x, [rows, C]), ...matrices },
      ...(norm && { norm: tf.tensor1d(norm) }),
      ...(residual && { residual: tf.tensor2d(residual, [rows, sizes[0]!]) }),
    }
    const outputs = tf.engine().runKernel('LlamaLinears', inputs, { epsilon, gated }) as tf.Tensor | tf.Tensor[]
    return [outputs].flat().map((y) => y.dataSync<'float32'>())
  }) as unknown as Float32Array[]
}

/** The same in float64. */
function reference({ rows, C, sizes, x, norm, residual, weights, gated }: Problem): Float64Array[] {
  const h = Float64Array.from(x)
  for (let row = 0; norm && row < rows; row++) {
    const own = h.subarray(row * C, (row + 1) * C)
    const r = 1 / Math.sqrt(own.reduce((sum, value) => sum + value * value, 0) / C + epsilon)
    for (const [c, value] of own.entries()) own[c] = value * r * norm[c]!
  }
  const products = weights.map((w, i) =>
    Float64Array.from({ length: rows * sizes[i]! }, (_, index) => {
      const [row, o] = [Math.floor(index / sizes[i]!), index % sizes[i]!]
      let sum = residual ? residual[index]! : 0
      for (let c = 0; c < C; c++) sum += h[row * C + c]! * w[o * C + c]!
      return sum
    }),
  )
  return gated ? [products[0]!.map((g, i) => (g / (1 + Math.exp(-g))) * products[1]![i]!)] : products
}

const cases = [1, 2, 3, 4, 5, 8].flatMap((rows) =>
  (
    [
      [3, [1]],
      [7, [5, 5]],
      [64, [40, 3, 17]],
      [130, [33, 33]],
      [576, [600, 300, 300]],
      [300, [900, 900]],
    ] as const
  ).flatMap(([C, sizes]) => [
    makeProblem(rows, C, sizes, 'plain'),
    makeProblem(rows, C, sizes, 'norm'),
    makeProblem(rows, C, sizes.slice(0, 1), 'residual'),
    ...(sizes.length === 2 ? [makeProblem(rows, C, sizes, 'gated')] : []),
  ]),
)

describe.each(ways)('LlamaLinears, $threads thread(s), $simd', (way) => {
  test('every form equals the sums in float64', () => {
    register(way)
    for (const problem of cases) {
      const exact = reference(problem)
      const actual = run(problem)
      expect(actual.length).toBe(exact.length)
      // sums of C products below 2·max|h|, each rounded once or twice
      for (const [i, y] of actual.entries()) expectClose(y, exact[i]!, { atol: problem.C * 2 ** -22, rtol: 1e-5 })
    }
  })
})

test('one thread and two, one row and several give the same bits', () => {
  const runs = [1, 2].map((threads) => {
    register({ threads })
    return cases.map(run)
  })
  for (const [i, outputs] of runs[0]!.entries())
    for (const [k, y] of outputs.entries()) expect(sameBits(y, runs[1]![i]![k]!), `case ${i}, output ${k}`).toBe(true)
  const batch = makeProblem(8, 130, [600, 600], 'gated')
  const [all] = run(batch)
  for (let row = 0; row < 8; row++) {
    const [alone] = run({ ...batch, rows: 1, x: batch.x.subarray(row * 130, (row + 1) * 130) })
    expect(sameBits(all!.subarray(row * 600, (row + 1) * 600), alone!), `row ${row}`).toBe(true)
  }
})

test('NaN and infinity go where they belong', () => {
  register()
  const problem = makeProblem(3, 70, [40], 'plain')
  problem.x[70] = Number.POSITIVE_INFINITY
  problem.weights[0]![5 * 70 + 3] = Number.NaN
  const [y] = run(problem)
  for (let row = 0; row < 3; row++)
    for (let o = 0; o < 40; o++) {
      const value = y![row * 40 + o]!
      if (o === 5) expect(value).toBeNaN()
      else if (row === 1) expect(value).toBe(Math.sign(problem.weights[0]![o * 70]!) * Number.POSITIVE_INFINITY)
      else expect(Number.isFinite(value)).toBe(true)
    }
})

test('says what does not fit', () => {
  register()
  const call =
    (inputs: Record<string, tf.Tensor>, attrs = {}) =>
    () =>
      tf.tidy(() => tf.engine().runKernel('LlamaLinears', inputs, attrs))
  expect(call({ x: tf.ones([9, 4]), weight0: tf.ones([3, 4]) })).toThrow(/x has shape \[9,4\].*N from 1 to 8/)
  expect(call({ x: tf.ones([1, 4]), weight0: tf.ones([3, 5]) })).toThrow(/weight0 has shape \[3,5\]; it must be \[3,4\]/)
  expect(call({ x: tf.ones([1, 4]), weight0: tf.ones([3, 4]), norm: tf.ones([3]) })).toThrow(/norm has shape \[3\]/)
  expect(call({ x: tf.ones([1, 4]), weight0: tf.ones([3, 4]), residual: tf.ones([1, 4]) })).toThrow(/residual has shape \[1,4\]/)
  expect(call({ x: tf.ones([1, 4]), weight0: tf.ones([3, 4]), weight1: tf.ones([2, 4]) }, { gated: true })).toThrow(/gated/)
})

test('LlamaLayer says what does not fit, and that it needs attention to a cache', () => {
  register()
  const shapes = {
    ...{ x: [1, 4], attentionNorm: [4], query: [4, 4], key: [4, 4], value: [4, 4], output: [4, 4] },
    ...{ mlpNorm: [4], gate: [6, 4], up: [6, 4], down: [4, 6], cachedKey: [1, 3, 1, 4], cachedValue: [1, 3, 1, 4] },
  }
  const attrs = { batchSize: 1, numHeads: 1, numKvHeads: 1, epsilon, length: 0, window: 0 }
  const call = (other: Readonly<Record<string, number[]>>) => () =>
    tf.tidy(() => {
      const inputs = Object.fromEntries(Object.entries({ ...shapes, ...other }).map(([key, shape]) => [key, tf.ones(shape)]))
      return tf.engine().runKernel('LlamaLayer', inputs, attrs)
    })
  const before = tf.memory().numTensors
  expect(call({ x: [9, 4] })).toThrow(/x has shape \[9,4\]; it must be \[B·T, C\] with B = 1 and B·T from 1 to 8/)
  expect(call({ down: [4, 5] })).toThrow(/down has shape \[4,5\]; it must be \[4,6\]/)
  expect(call({})).toThrow(/needs the kernel FlashAttentionCached/)
  expect(tf.memory().numTensors).toBe(before)
})
