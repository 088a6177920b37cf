import * as tf from '@tensorflow/tfjs-core'
import { adamwStep, linearCrossEntropy, rmsNorm, swiGlu } from 'llama-kernels-tfjs'
import { registerTrainingKernels } from 'llama-kernels-tfjs/webgpu'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { hasAdapter, startDawn } from '../../../test/support/dawn.ts'

/** Numbers in (−1, 1) from a linear congruential generator. */
function numbers(seed: number): (size: number, scale?: number) => Float32Array {
  let state = seed
  return (size, scale = 1) =>
    Float32Array.from({ length: size }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return scale * (state / 2 ** 31 - 1)
    })
}

describe.skipIf(!hasAdapter)('WebGPU', () => {
  let errors: string[] = []
  let kernels: { unregister(): void } | undefined
  beforeAll(async () => {
    errors = (await startDawn('webgpu')).errors
  })
  afterEach(() => {
    kernels?.unregister()
    expect(errors.splice(0)).toEqual([])
  })

  const read = async (body: () => tf.Tensor[]): Promise<Float32Array[]> => {
    const before = tf.memory().numTensors
    const tensors = tf.tidy(body)
    const values = await Promise.all(tensors.map((tensor) => tensor.data<'float32'>()))
    tf.dispose(tensors)
    expect(tf.memory().numTensors).toBe(before)
    return values
  }

  /** Runs `body` composed on the cpu backend, and on the kernels, twice; all three agree, the last two to the bit. */
  const expectTwin = async (body: () => tf.Tensor[], tolerance: { atol: number; rtol: number }) => {
    await tf.setBackend('cpu')
    const composed = await read(body)
    await tf.setBackend('webgpu')
    kernels = registerTrainingKernels()
    const fused = await read(body)
    for (const [i, expected] of composed.entries()) expectClose(fused[i]!, expected, tolerance)
    expect(await read(body)).toEqual(fused)
  }

  test.each([
    [1, 1],
    [3, 5],
    [70, 130],
  ])('rmsNorm of [%i, %i] with gradients', (rows, C) => {
    const draw = numbers(rows)
    const [x, w, dy] = [draw(rows * C, 3), draw(C), draw(rows * C)]
    const f = (a: tf.Tensor, b: tf.Tensor) => rmsNorm(a, b as tf.Tensor1D, 1e-5)
    const body = () => {
      const [a, b] = [tf.tensor(x, [rows, 1, C]), tf.tensor1d(w)]
      return [f(a, b), ...tf.grads(f)([a, b], tf.tensor(dy, [rows, 1, C]))]
    }
    return expectTwin(body, { atol: 1e-5, rtol: 1e-5 }) // a few tens of roundings of numbers up to 5
  })

  test.each([[1], [4], [1003]])('swiGlu of %i numbers with gradients', (size) => {
    const draw = numbers(size)
    const [gate, up, dy] = [draw(size, 20), draw(size), draw(size)]
    const body = () => {
      const [g, b] = [tf.tensor1d(gate), tf.tensor1d(up)]
      return [swiGlu(g, b), ...tf.grads(swiGlu)([g, b], tf.tensor1d(dy))]
    }
    return expectTwin(body, { atol: 1e-5, rtol: 1e-5 }) // WGSL's exp is within 3 + 2·|x| ulp: 43 at 20
  })

  test.each([[6], [1003]])('adamwStep on %i numbers', (size) => {
    const draw = numbers(size)
    const [p, g, m] = [draw(size), draw(size), draw(size, 0.1)]
    const v = draw(size, 0.01).map(Math.abs)
    const options = { learningRate: 0.02, step: 3, epsilon: 1e-6, gradientScale: 0.5 }
    const body = () => {
      const tensors = { param: tf.tensor1d(p), grad: tf.tensor1d(g), moment1: tf.tensor1d(m), moment2: tf.tensor1d(v) }
      const next = adamwStep(tensors, options)
      return [next.param, next.moment1, next.moment2]
    }
    return expectTwin(body, { atol: 1e-6, rtol: 1e-5 })
  })

  test.each([
    ['half', false],
    ['half', true],
    ['interleaved', false],
    ['interleaved', true],
  ] as const)('rotary embedding, %s, inverse: %s', async (layout, inverse) => {
    const [B, T, H, D] = [2, 7, 3, 6]
    const draw = numbers(5)
    const x = draw(B * T * H * D)
    for (const tables of [1, B]) {
      const angles = draw((tables * T * D) / 2, 3)
      await tf.setBackend('webgpu')
      kernels = registerTrainingKernels()
      const [actual] = await read(() => {
        const [cos, sin] = [Math.cos, Math.sin].map((f) => tf.tensor4d(angles.map(f), [tables, T, 1, D / 2])) as [tf.Tensor, tf.Tensor]
        return [tf.engine().runKernel('RotaryEmbedding', { x: tf.tensor4d(x, [B, T, H, D]), cos, sin }, { layout, inverse }) as tf.Tensor]
      })
      const expected = new Float64Array(x.length)
      for (let vector = 0; vector < B * T * H; vector++)
        for (let pair = 0; pair < D / 2; pair++) {
          const [first, second] = layout === 'half' ? [pair, pair + D / 2] : [2 * pair, 2 * pair + 1]
          const token = Math.floor(vector / H) % (tables * T)
          const angle = angles[(token * D) / 2 + pair]! * (inverse ? -1 : 1)
          const [a, b] = [x[vector * D + first]!, x[vector * D + second]!]
          expected[vector * D + first] = a * Math.cos(angle) - b * Math.sin(angle)
          expected[vector * D + second] = b * Math.cos(angle) + a * Math.sin(angle)
        }
      expectClose(actual!, expected, { atol: 1e-6 })
    }
  })

  // N: one tile and several; V: one split of the vocabulary and several, more than one chunk of rows; all off the tile sizes
  test.each([
    [1, 1, 2, 0, 0],
    [37, 9, 300, 0, 0],
    [37, 9, 300, 0.1, 1e-3],
    [150, 20, 2100, 0.1, 1e-3],
  ])('cross-entropy, N %i, C %i, V %i, smoothing %f, z %f', async (N, C, V, labelSmoothing, zLoss) => {
    const draw = numbers(N)
    const [h, w] = [draw(N * C, 2), draw(V * C, 2)]
    const targets = Int32Array.from(draw(N), (value) => Math.floor(((value + 1) / 2) * V))
    const weights = Float32Array.from(draw(N), (value, n) => ((n >= 32 && n < 64) || value < -0.5 ? 0 : value + 1)) // a whole tile of zeros too
    const dLosses = draw(N).map((d, n) => d * Math.sign(weights[n]!))
    const attrs = { labelSmoothing, zLoss }
    await tf.setBackend('webgpu')
    kernels = registerTrainingKernels()
    const body = () => {
      const inputs = { hidden: tf.tensor2d(h, [N, C]), weight: tf.tensor2d(w, [V, C]), targets: tf.tensor1d(targets, 'int32') }
      const [losses, logSumExp] = run('LinearCrossEntropy', { ...inputs, weights: tf.tensor1d(weights) }, attrs) as [tf.Tensor, tf.Tensor]
      return [losses, logSumExp, ...run('LinearCrossEntropyGrad', { ...inputs, logSumExp, dLosses: tf.tensor1d(dLosses) }, attrs)]
    }
    const actual = await read(body)
    const expected = crossEntropy({ N, C, V, h, w, targets, weights, dLosses, labelSmoothing, zLoss })
    // logits up to 80 carry 5e-6 of absolute error into every probability
    for (const [i, values] of expected.entries()) expectClose(actual[i]!, values, { atol: 1e-5, rtol: 5e-5 })
    expect(await read(body)).toEqual(actual)
  })

  test('linearCrossEntropy with gradients', () => {
    const [N, C, V] = [40, 12, 90]
    const draw = numbers(3)
    const [h, w] = [draw(N * C), draw(V * C)]
    const targets = Int32Array.from(draw(N), (value) => Math.floor(((value + 1) / 2) * V))
    const body = () => {
      const t = tf.tensor1d(targets, 'int32')
      const f = (a: tf.Tensor, b: tf.Tensor) => linearCrossEntropy(a as tf.Tensor2D, b as tf.Tensor2D, t, tf.ones<tf.Rank.R1>([N]))
      const [a, b] = [tf.tensor2d(h, [N, C]), tf.tensor2d(w, [V, C])]
      return [f(a, b), ...tf.grads(f)([a, b])]
    }
    return expectTwin(body, { atol: 1e-6, rtol: 2e-5 })
  })

  test('refuses another backend and wrong shapes; unregisters once', async () => {
    tf.setBackend('cpu')
    expect(() => registerTrainingKernels()).toThrow(/the current backend is 'cpu', not WebGPU; import '@tensorflow\/tfjs-backend-webgpu'/)
    await tf.setBackend('webgpu')
    const registered = registerTrainingKernels()
    tf.tidy(() => {
      const inputs = { x: tf.ones([2, 4]), weight: tf.ones([3]) }
      expect(() => run('RMSNorm', inputs, { epsilon: 1 })).toThrow(/RMSNorm: weight has shape \[3\]; it must be \[4\]/)
    })
    registered.unregister()
    registered.unregister()
    expect(tf.getKernel('RMSNorm', 'webgpu')).toBeUndefined()
  })
})

function run(name: string, inputs: Record<string, tf.Tensor>, attrs: tf.NamedAttrMap): tf.Tensor[] {
  return tf.engine().runKernel(name, inputs, attrs) as unknown as tf.Tensor[]
}

interface Problem {
  readonly N: number
  readonly C: number
  readonly V: number
  readonly h: Float32Array
  readonly w: Float32Array
  readonly targets: Int32Array
  readonly weights: Float32Array
  readonly dLosses: Float32Array
  readonly labelSmoothing: number
  readonly zLoss: number
}

/** losses, logSumExp, dHidden, dWeight in float64. */
function crossEntropy({ N, C, V, h, w, targets, weights, dLosses, labelSmoothing, zLoss }: Problem): Float64Array[] {
  const [losses, lses, dh, dw] = [new Float64Array(N), new Float64Array(N), new Float64Array(N * C), new Float64Array(V * C)]
  for (let n = 0; n < N; n++) {
    if (weights[n] === 0) continue
    const logits = Float64Array.from({ length: V }, (_, v) => {
      let sum = 0
      for (let c = 0; c < C; c++) sum += h[n * C + c]! * w[v * C + c]!
      return sum
    })
    const top = logits.reduce((m, value) => Math.max(m, value))
    const lse = top + Math.log(logits.reduce((s, value) => s + Math.exp(value - top), 0))
    const mean = logits.reduce((s, value) => s + value, 0) / V
    losses[n] = lse - (1 - labelSmoothing) * logits[targets[n]!]! - labelSmoothing * mean + zLoss * lse * lse
    lses[n] = lse
    for (let v = 0; v < V; v++) {
      const hit = v === targets[n] ? 1 - labelSmoothing : 0
      const d = dLosses[n]! * (Math.exp(logits[v]! - lse) * (1 + 2 * zLoss * lse) - labelSmoothing / V - hit)
      for (let c = 0; c < C; c++) {
        dh[n * C + c]! += d * w[v * C + c]!
        dw[v * C + c]! += d * h[n * C + c]!
      }
    }
  }
  return [losses, lses, dh, dw]
}
