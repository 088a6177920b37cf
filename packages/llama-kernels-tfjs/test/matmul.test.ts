import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { numbers, register, sameBits, sizeOf, startWasm, u, ways } from './support.ts'

beforeAll(startWasm)

interface Case {
  readonly a: readonly number[]
  readonly b: readonly number[]
  readonly transposeA: boolean
  readonly transposeB: boolean
}
const forms = [
  [false, false],
  [false, true],
  [true, false],
  [true, true],
] as const

/** Products of every form; rows, columns and depth around the tile 4 × 8, the panel 64 · 256 · 512 and the cut into tasks. */
const sizes: readonly (readonly [number, number, number])[] = [
  ...[1, 2, 3, 4, 5, 7, 8, 9, 13].map((n) => [n, 14 - n, 11] as const),
  ...[1, 3, 4, 255, 256, 257, 515].map((depth) => [6, 10, depth] as const),
  [63, 511, 20],
  [65, 513, 33],
  [300, 200, 100],
  [257, 129, 130],
  [130, 515, 260],
  // few rows, which read the matrix once
  ...[2, 3, 4, 7, 8, 9].map((rows) => [rows, 530, 301] as const),
]
const batches: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[3], [3]],
  [[1], [5]],
  [[4], [1]],
  [
    [2, 1, 2],
    [3, 1],
  ],
  [
    [2, 3],
    [2, 3],
  ],
  [[], [2, 2]],
]
const cases: Case[] = [
  ...sizes.flatMap((size) => forms.map((form) => makeCase(size, form, [], []))),
  ...batches.flatMap(([left, right]) => forms.map((form) => makeCase([9, 17, 12], form, left, right))),
  ...forms.map((form) => makeCase([140, 90, 70], form, [8], [8])),
]
function makeCase(
  [rows, cols, depth]: readonly number[],
  [transposeA, transposeB]: readonly boolean[],
  left: readonly number[],
  right: readonly number[],
): Case {
  const a = [...left, ...(transposeA ? [depth!, rows!] : [rows!, depth!])]
  const b = [...right, ...(transposeB ? [cols!, depth!] : [depth!, cols!])]
  return { a, b, transposeA: transposeA!, transposeB: transposeB! }
}

/** The case with its operands and its exact product, computed once for all ways of running. */
const prepare = (() => {
  const known = new Map<Case, { x: Float32Array; y: Float32Array; exact: ReturnType<typeof reference> }>()
  return (item: Case) => {
    const draw = numbers(sizeOf(item.a))
    const [x, y] = [draw(sizeOf(item.a)), draw(sizeOf(item.b))]
    const result = known.get(item) ?? { x, y, exact: reference(item, x, y) }
    known.set(item, result)
    return result
  }
})()

/** Float64 loops; `bound` is Σ|a·b|, the yardstick of rounding errors. */
function reference({ a, b, transposeA, transposeB }: Case, x: Float32Array, y: Float32Array) {
  const outer = tf.broadcast_util.assertAndGetBroadcastShape(a.slice(0, -2), b.slice(0, -2))
  const [rows, depth] = transposeA ? [a.at(-1)!, a.at(-2)!] : [a.at(-2)!, a.at(-1)!]
  const cols = transposeB ? b.at(-2)! : b.at(-1)!
  const values = new Float64Array(sizeOf(outer) * rows * cols)
  const bound = new Float64Array(values.length)
  for (let index = 0; index < sizeOf(outer); index++) {
    const coordinates = outer.map((size, axis) => Math.floor(index / sizeOf(outer.slice(axis + 1))) % size)
    const start = (shape: readonly number[]) => {
      const own = shape.slice(0, -2)
      const flat = own.reduce((sum, size, axis) => sum * size + (size === 1 ? 0 : coordinates[outer.length - own.length + axis]!), 0)
      return flat * shape.at(-1)! * shape.at(-2)!
    }
    const [a0, b0] = [start(a), start(b)]
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < cols; j++) {
        const to = (index * rows + i) * cols + j
        for (let k = 0; k < depth; k++) {
          const p = x[a0 + (transposeA ? k * rows + i : i * depth + k)]! * y[b0 + (transposeB ? j * depth + k : k * cols + j)]!
          values[to]! += p
          bound[to]! += Math.abs(p)
        }
      }
  }
  return { shape: [...outer, rows, cols], values, bound, depth }
}

/** Any order of summation, fused or not, is within depth·u·Σ|a·b| of the exact sum (Higham 2002, §3.1). */
function expectProduct(actual: Float32Array, { values, bound, depth }: ReturnType<typeof reference>) {
  expect(actual.length).toBe(values.length)
  for (let i = 0; i < values.length; i++) {
    const error = Math.abs(actual[i]! - values[i]!)
    if (!(error <= (depth + 1) * u * bound[i]!)) expect.fail(`element ${i}: ${actual[i]} instead of ${values[i]}`)
  }
}

describe.each(ways)('matMul, $threads thread(s), $simd', (way) => {
  test('every form equals the sum in float64', async () => {
    const kernels = register(way)
    expect([kernels.threads, kernels.simd]).toEqual([way.threads, way.simd])
    for (const item of cases) {
      const { x, y, exact } = prepare(item)
      const product = tf.tidy(() => tf.matMul(tf.tensor(x, [...item.a]), tf.tensor(y, [...item.b]), item.transposeA, item.transposeB))
      expect(product.shape).toEqual(exact.shape)
      expectProduct(product.dataSync<'float32'>(), exact)
      product.dispose()
    }
  })

  test('bias and every activation of the fused form', async () => {
    register(way)
    const activations = ['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'prelu', 'leakyrelu'] as const
    for (const [rows, cols, depth] of [
      [7, 13, 5],
      [150, 130, 70],
    ] as const)
      for (const activation of activations)
        for (const biasSize of [0, 1, cols]) {
          const draw = numbers(cols + biasSize)
          const item = makeCase([rows, cols, depth], [false, false], [], [])
          const [x, y, c, slopes] = [draw(rows * depth, 2), draw(depth * cols, 2), draw(biasSize), draw(cols)]
          const { values, bound } = reference(item, x, y)
          const result = tf.tidy(() =>
            tf.fused.matMul({
              a: tf.tensor2d(x, [rows, depth]),
              b: tf.tensor2d(y, [depth, cols]),
              activation,
              leakyreluAlpha: 0.3,
              ...(biasSize > 0 && { bias: tf.tensor1d(c) }),
              ...(activation === 'prelu' && { preluActivationWeights: tf.tensor1d(slopes) }),
            }),
          )
          const actual = result.dataSync<'float32'>()
          result.dispose()
          for (let i = 0; i < values.length; i++) {
            const exact = activate(activation, values[i]! + (biasSize > 0 ? c[i % biasSize]! : 0), slopes[i % cols]!)
            // every activation has slope ≤ 1; the last terms are the rounding of the bias, of exp (1.2 ulp) and of the result
            const tolerance = (depth + 2) * u * bound[i]! + 4 * u * (1 + Math.abs(exact))
            if (!(Math.abs(actual[i]! - exact) <= tolerance))
              expect.fail(`${activation}, bias [${biasSize}], ${i}: ${actual[i]} instead of ${exact}`)
          }
        }
  })
})

function activate(name: string, x: number, slope: number): number {
  if (name === 'sigmoid') return 1 / (1 + Math.exp(-x))
  if (name === 'relu6') return Math.min(6, Math.max(0, x))
  if (name === 'linear' || x >= 0) return x
  return { relu: 0, elu: Math.expm1(x), prelu: slope * x, leakyrelu: 0.3 * x }[name]!
}

test('gradients of a product, through every transposed form', () => {
  register({ threads: 2 })
  for (const [transposeA, transposeB] of forms) {
    const draw = numbers(7)
    const [m, n, k] = [37, 21, 29]
    const item = makeCase([m, n, k], [transposeA, transposeB], [], [])
    const [x, y, dy] = [draw(m * k), draw(k * n), draw(m * n)]
    const [da, db] = tf.tidy(() => {
      const gradients = tf.grads((a, b) => tf.matMul(a, b, transposeA, transposeB))
      return gradients([tf.tensor(x, [...item.a]), tf.tensor(y, [...item.b])], tf.tensor2d(dy, [m, n])).map((g) => g.dataSync<'float32'>())
    }) as unknown as [Float32Array, Float32Array]
    const [exactA, exactB] = [new Float64Array(m * k), new Float64Array(k * n)]
    const at = {
      a: (i: number, l: number) => (transposeA ? l * m + i : i * k + l),
      b: (l: number, j: number) => (transposeB ? j * k + l : l * n + j),
    }
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++)
        for (let l = 0; l < k; l++) {
          exactA[at.a(i, l)]! += dy[i * n + j]! * y[at.b(l, j)]!
          exactB[at.b(l, j)]! += dy[i * n + j]! * x[at.a(i, l)]!
        }
    for (const [actual, exact] of [
      [da, exactA],
      [db, exactB],
    ] as const)
      for (let i = 0; i < exact.length; i++) expect(Math.abs(actual[i]! - exact[i]!)).toBeLessThan(40 * 40 * u)
  }
})

test('one thread and two give the same bits', () => {
  const runs = [1, 2].map((threads) => {
    register({ threads })
    const results = [...cases, makeCase([700, 600, 500], [false, true], [], [])].map((item, seed) => {
      const draw = numbers(seed)
      const [x, y] = [draw(sizeOf(item.a)), draw(sizeOf(item.b))]
      return tf.tidy(() => tf.matMul(tf.tensor(x, [...item.a]), tf.tensor(y, [...item.b]), item.transposeA, item.transposeB).dataSync())
    })
    return results
  })
  for (const [i, values] of runs[0]!.entries()) expect(sameBits(values, runs[1]![i]!), `case ${i}`).toBe(true)
})

test('a few rows give the bits that each gives alone', () => {
  register()
  const [rows, cols, depth] = [8, 1100, 259]
  const draw = numbers(5)
  const [x, y] = [draw(rows * depth), draw(cols * depth)]
  const product = (own: Float32Array) =>
    tf.tidy(() =>
      tf.matMul(tf.tensor2d(own, [own.length / depth, depth]), tf.tensor2d(y, [cols, depth]), false, true).dataSync<'float32'>(),
    )
  const all = product(x)
  for (let row = 0; row < rows; row++) {
    const alone = product(x.subarray(row * depth, (row + 1) * depth))
    expect(sameBits(all.subarray(row * cols, (row + 1) * cols), alone), `row ${row}`).toBe(true)
  }
})

test('edges: empty products, no depth, wrong shapes', () => {
  register()
  tf.tidy(() => {
    expect(tf.matMul(tf.zeros([0, 3]), tf.ones([3, 2])).shape).toEqual([0, 2])
    expect([...tf.matMul(tf.ones([2, 0]), tf.ones([0, 2])).dataSync()]).toEqual([0, 0, 0, 0])
  })
  expect(() => tf.tidy(() => tf.matMul(tf.ones([2, 3]), tf.ones([2, 3])))).toThrow(/inner shapes differ: \[2,3\] times \[2,3\]/)
})
