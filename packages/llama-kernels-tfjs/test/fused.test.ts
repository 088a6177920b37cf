import * as tf from '@tensorflow/tfjs-core'
import { adamwStep, linearCrossEntropy, rmsNorm, swiGlu } from 'llama-kernels-tfjs'
import { beforeAll, describe, expect, test } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { numbers, register, sameBits, startWasm, ways } from './support.ts'

beforeAll(startWasm)

/** Runs `body` on the cpu backend, where every op is composed, and on wasm with and without fused kernels. */
function everywhere(
  way: (typeof ways)[number],
  body: () => tf.Tensor[],
): { composed: Float32Array[]; stock: Float32Array[]; fused: Float32Array[] } {
  const read = () =>
    tf.tidy(body).map((tensor) => {
      const values = tensor.dataSync<'float32'>()
      tensor.dispose()
      return values
    })
  tf.setBackend('cpu')
  const composed = read()
  tf.setBackend('wasm')
  register({ ...way, only: ['UnsortedSegmentSum'] })
  const stock = read()
  register(way)
  const fused = read()
  return { composed, stock, fused }
}

function expectAll(runs: ReturnType<typeof everywhere>, exact: readonly ArrayLike<number>[], tolerance: { atol: number; rtol: number }) {
  for (const [name, values] of Object.entries(runs))
    for (const [i, expected] of exact.entries()) {
      expect(values[i]!.length, name).toBe(expected.length)
      expectClose(values[i]!, expected, tolerance)
    }
}

describe.each(ways)('$threads thread(s), $simd', (way) => {
  // channels: below, at and above a vector; rows: fewer and more than one task takes
  test.each([
    [1, 1],
    [3, 5],
    [2, 8],
    [70, 130],
    [300, 257],
  ])('rmsNorm of [%i, %i] with gradients', (rows, C) => {
    const draw = numbers(rows)
    const [x, w, dy] = [draw(rows * C, 3), draw(C), draw(rows * C)]
    const runs = everywhere(way, () => {
      const f = (a: tf.Tensor, b: tf.Tensor) => rmsNorm(a, b as tf.Tensor1D, 1e-5)
      const [a, b] = [tf.tensor(x, [rows, 1, C]), tf.tensor1d(w)]
      return [f(a, b), ...tf.grads(f)([a, b], tf.tensor(dy, [rows, 1, C]))]
    })
    const [y, dx, dw] = [new Float64Array(rows * C), new Float64Array(rows * C), new Float64Array(C)]
    for (let r = 0; r < rows; r++) {
      const at = (c: number) => r * C + c
      let squares = 0
      for (let c = 0; c < C; c++) squares += x[at(c)]! ** 2
      const inverse = 1 / Math.sqrt(squares / C + 1e-5)
      let mean = 0
      for (let c = 0; c < C; c++) mean += (dy[at(c)]! * w[c]! * x[at(c)]! * inverse) / C
      for (let c = 0; c < C; c++) {
        const normed = x[at(c)]! * inverse
        y[at(c)] = normed * w[c]!
        dw[c]! += dy[at(c)]! * normed
        dx[at(c)] = inverse * (dy[at(c)]! * w[c]! - normed * mean)
      }
    }
    expectAll(runs, [y, dx, dw], { atol: 1e-5, rtol: 1e-5 }) // a few tens of roundings of numbers up to 5, sums of up to 300
  })

  test.each([[1], [3], [4], [7], [40_003]])('swiGlu of %i numbers with gradients', (size) => {
    const draw = numbers(size)
    const [gate, up, dy] = [draw(size, 20), draw(size), draw(size)]
    const runs = everywhere(way, () => {
      const [g, b] = [tf.tensor1d(gate), tf.tensor1d(up)]
      return [swiGlu(g, b), ...tf.grads(swiGlu)([g, b], tf.tensor1d(dy))]
    })
    const exact = [0, 1, 2].map(() => new Float64Array(size)) as [Float64Array, Float64Array, Float64Array]
    for (let i = 0; i < size; i++) {
      const g = gate[i]!
      const s = 1 / (1 + Math.exp(-g))
      exact[0][i] = g * s * up[i]!
      exact[1][i] = dy[i]! * up[i]! * s * (1 + g * (1 - s))
      exact[2][i] = dy[i]! * g * s
    }
    expectAll(runs, exact, { atol: 2e-6, rtol: 2e-6 }) // about 10 roundings; dGate cancels near its zero at −1.28
  })

  // N: one task and several, V: one tile and several, all off the tile sizes
  test.each([
    [1, 1, 2],
    [3, 4, 5],
    [130, 9, 300],
    [257, 33, 77],
    [150, 24, 1030],
  ])('linearCrossEntropy, N %i, C %i, V %i', (N, C, V) => {
    const draw = numbers(N)
    const [h, w] = [draw(N * C, 2), draw(V * C, 2)]
    const targets = Int32Array.from(draw(N), (value) => Math.floor(((value + 1) / 2) * V))
    const weights = Float32Array.from(draw(N), (value) => (value < -0.5 ? 0 : value + 1))
    const runs = everywhere(way, () => {
      const [t, k] = [tf.tensor1d(targets, 'int32'), tf.tensor1d(weights)]
      const f = (a: tf.Tensor, b: tf.Tensor) => linearCrossEntropy(a as tf.Tensor2D, b as tf.Tensor2D, t, k)
      const [a, b] = [tf.tensor2d(h, [N, C]), tf.tensor2d(w, [V, C])]
      return [f(a, b), ...tf.grads(f)([a, b])]
    })
    const total = weights.reduce((sum, value) => sum + value, 0) || 1e-12
    const [dh, dw] = [new Float64Array(N * C), new Float64Array(V * C)]
    let loss = 0
    for (let n = 0; n < N; n++) {
      const logits = Float64Array.from({ length: V }, (_, v) => {
        let sum = 0
        for (let c = 0; c < C; c++) sum += h[n * C + c]! * w[v * C + c]!
        return sum
      })
      const largest = logits.reduce((m, value) => Math.max(m, value))
      const sum = logits.reduce((s, value) => s + Math.exp(value - largest), 0)
      loss += (weights[n]! / total) * (largest + Math.log(sum) - logits[targets[n]!]!)
      for (let v = 0; v < V; v++) {
        const d = (weights[n]! / total) * (Math.exp(logits[v]! - largest) / sum - (v === targets[n] ? 1 : 0))
        for (let c = 0; c < C; c++) {
          dh[n * C + c]! += d * w[v * C + c]!
          dw[v * C + c]! += d * h[n * C + c]!
        }
      }
    }
    // logits up to 50 carry 3e-6 of absolute error into every probability
    expectAll(runs, [[loss], dh, dw], { atol: 2e-6, rtol: 2e-5 })
  })

  test.each([[1], [6], [70_001]])('adamwStep on %i numbers', (size) => {
    const draw = numbers(size)
    const [p, g, m] = [draw(size), draw(size), draw(size, 0.1)]
    const v = draw(size, 0.01).map(Math.abs)
    const options = { learningRate: 0.02, step: 3, beta1: 0.9, beta2: 0.95, epsilon: 1e-6, weightDecay: 0.1, gradientScale: 0.5 }
    const runs = everywhere(way, () => {
      const [param, grad, moment1, moment2] = [p, g, m, v].map((values) => tf.tensor1d(values)) as [
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
      ]
      const next = adamwStep({ param, grad, moment1, moment2 }, options)
      return [next.param, next.moment1, next.moment2]
    })
    const exact = [0, 1, 2].map(() => new Float64Array(size)) as [Float64Array, Float64Array, Float64Array]
    for (let i = 0; i < size; i++) {
      const grad = 0.5 * g[i]!
      exact[1][i] = 0.9 * m[i]! + 0.1 * grad
      exact[2][i] = 0.95 * v[i]! + 0.05 * grad * grad
      exact[0][i] = p[i]! * (1 - 0.02 * 0.1) - (0.02 * (exact[1][i]! / (1 - 0.9 ** 3))) / (Math.sqrt(exact[2][i]! / (1 - 0.95 ** 3)) + 1e-6)
    }
    expectAll(runs, exact, { atol: 1e-7, rtol: 1e-6 }) // about 8 roundings; the constants are rounded to float32
  })

  test('the gradient of gather, and integer sums', () => {
    const draw = numbers(5)
    const ids = Int32Array.from({ length: 200 }, (_, i) => (i * 7) % 13)
    for (const columns of [1, 3, 64, 133]) {
      const dy = draw(200 * columns)
      const exact = new Float64Array(20 * columns)
      for (const [row, id] of ids.entries()) for (let c = 0; c < columns; c++) exact[id * columns + c]! += dy[row * columns + c]!
      const { fused } = everywhere(way, () => [
        tf.grad((e: tf.Tensor) => tf.gather(e, tf.tensor1d(ids, 'int32')))(tf.zeros([20, columns]), tf.tensor2d(dy, [200, columns])),
      ])
      expectClose(fused[0]!, exact, { atol: 20 * 16 * 2 ** -24 }) // 16 numbers below 1 per segment
    }
    register(way)
    tf.tidy(() => {
      const sums = tf.unsortedSegmentSum(tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2], 'int32'), tf.tensor1d([1, -1, 1], 'int32'), 3)
      expect([sums.dtype, ...sums.dataSync()]).toEqual(['int32', 0, 0, 6, 8, 0, 0])
    })
  })

  test('gather of rows, of any rank and either type, and its stock form along other axes', () => {
    register(way)
    const values = (tensor: tf.Tensor) => [tensor.shape, [...tensor.dataSync()]]
    tf.tidy(() => {
      const x = tf.tensor3d([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [3, 2, 2])
      expect(values(tf.gather(x, tf.tensor2d([2, 0, 2, 1], [2, 2], 'int32')))).toEqual([
        [2, 2, 2, 2],
        [8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7],
      ])
      expect(values(tf.gather(tf.tensor1d([7, 8, 9], 'int32'), [2, 2]))).toEqual([[2], [9, 9]])
      expect(values(tf.gather(x, [1], 2))).toEqual([
        [3, 2, 1],
        [1, 3, 5, 7, 9, 11],
      ])
      for (const id of [-1, 3]) expect(() => tf.gather(x, [id])).toThrow(`the index value ${id} is not in [0, 2]`)
    })
  })

  test.each(['half', 'interleaved'] as const)('RotaryEmbedding, layout %s, both directions', (layout) => {
    register(way)
    for (const [tables, D] of [
      [1, 6],
      [3, 16],
      [3, 130],
    ] as const) {
      const [B, T, H] = [3, 40, 5]
      const draw = numbers(D)
      const [x, angles] = [draw(B * T * H * D), draw(tables * T * (D / 2), 9)]
      const exact = (direction: number) => {
        const y = new Float64Array(x.length)
        for (let token = 0; token < B * T; token++)
          for (let h = 0; h < H; h++)
            for (let i = 0; i < D / 2; i++) {
              const angle = direction * angles[(token % (tables * T)) * (D / 2) + i]!
              const start = (token * H + h) * D
              const [p, q] = layout === 'half' ? [start + i, start + i + D / 2] : [start + 2 * i, start + 2 * i + 1]
              y[p] = x[p]! * Math.cos(angle) - x[q]! * Math.sin(angle)
              y[q] = x[q]! * Math.cos(angle) + x[p]! * Math.sin(angle)
            }
        return y
      }
      for (const inverse of [false, true]) {
        const actual = tf.tidy(() => {
          const table = (f: (angle: number) => number) => tf.tensor4d(angles.map(f), [tables, T, 1, D / 2])
          const inputs = { x: tf.tensor4d(x, [B, T, H, D]), cos: table(Math.cos), sin: table(Math.sin) }
          return (tf.engine().runKernel('RotaryEmbedding', inputs, { layout, inverse }) as tf.Tensor).dataSync<'float32'>()
        })
        expectClose(actual, exact(inverse ? -1 : 1), { atol: 4e-7 }) // 4 roundings of numbers below √2
      }
    }
  })
})

test('one thread and two give the same bits, forward and backward', () => {
  const runs = ([1, 2] as const).map((threads) => {
    register({ threads })
    const draw = numbers(1)
    const values = tf.tidy(() => {
      const h = tf.tensor2d(draw(1000 * 48), [1000, 48])
      const w = tf.tensor2d(draw(3000 * 48), [3000, 48])
      const scale = tf.tensor1d(draw(48))
      const targets = tf.tensor1d(
        Int32Array.from({ length: 1000 }, (_, i) => i * 3),
        'int32',
      )
      const loss = (a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) =>
        linearCrossEntropy(swiGlu(rmsNorm(a, c as tf.Tensor1D), a) as tf.Tensor2D, b as tf.Tensor2D, targets, tf.ones([1000]))
      return [loss(h, w, scale), ...tf.grads(loss)([h, w, scale])].map((tensor) => tensor.dataSync())
    }) as unknown as Float32Array[]
    return values
  })
  for (const [i, values] of runs[0]!.entries()) expect(sameBits(values, runs[1]![i]!), `output ${i}`).toBe(true)
})
