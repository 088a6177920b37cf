import * as tf from '@tensorflow/tfjs-core'
import fc from 'fast-check'
import { registerFlashAttention } from 'flash-attn-tfjs/webgpu'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { hasAdapter, startDawn } from '../../../test/support/dawn.ts'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { makeInputs, packedIds } from './support/cases.ts'
import { type OracleProblem, oracle } from './support/oracle.ts'
import { parts } from './support/problems.ts'
import { gradientOf, runKernels } from './support/webgpu.ts'

// float32 sums of at most 700 terms of size ≤ 3, and exp as exact as WGSL asks for, 3 + 2·|x| ulp
const tolerance = { atol: 2e-5, rtol: 2e-5 }

const ids = packedIds(5, 2, 190, 40, 17)
const cases: Record<string, OracleProblem> = {
  'full, D 8': { B: 2, T: 33, S: 33, H: 2, K: 2, D: 8, causal: false },
  'causal, grouped queries': { B: 2, T: 150, S: 150, H: 4, K: 2, D: 8, causal: true },
  'three heads to a key, odd length': { B: 1, T: 101, S: 131, H: 3, K: 1, D: 8, causal: true },
  'one query, long key': { B: 2, T: 1, S: 700, H: 4, K: 2, D: 8, causal: true },
  'five queries, long key, window': { B: 1, T: 5, S: 700, H: 4, K: 2, D: 8, causal: true, window: 300 },
  'seven queries, no vectors of four': { B: 1, T: 7, S: 300, H: 2, K: 1, D: 7, causal: false },
  'D 256': { B: 1, T: 70, S: 70, H: 1, K: 1, D: 256, causal: true },
  'more queries than keys: the first see none': { B: 1, T: 140, S: 66, H: 1, K: 1, D: 8, causal: true },
  'few queries, fewer keys': { B: 1, T: 9, S: 3, H: 1, K: 1, D: 8, causal: true },
  'window, causal': { B: 1, T: 200, S: 210, H: 2, K: 2, D: 8, causal: true, window: 17 },
  'window, both sides': { B: 1, T: 200, S: 200, H: 1, K: 1, D: 8, causal: false, window: 80 },
  'softcap and scale': { B: 2, T: 190, S: 190, H: 2, K: 1, D: 8, causal: true, softcap: 2, scale: 0.9, queryIds: ids, keyIds: ids },
  'segments with padding': { B: 2, T: 190, S: 190, H: 2, K: 1, D: 8, causal: true, queryIds: ids, keyIds: ids },
  'a segmented cache': { B: 2, T: 4, S: 190, H: 2, K: 1, D: 8, causal: true, queryIds: ids.slice(160, 168), keyIds: ids },
  'everything at once': { B: 2, T: 190, S: 190, H: 4, K: 2, D: 8, causal: true, window: 50, softcap: 3, queryIds: ids, keyIds: ids },
}

const registered: { unregister(): void }[] = []
const register: typeof registerFlashAttention = (options) => {
  const kernels = registerFlashAttention(options)
  registered.push(kernels)
  return kernels
}
afterEach(() => {
  for (const kernels of registered.splice(0)) kernels.unregister()
})

describe.skipIf(!hasAdapter)('WebGPU', () => {
  const backends = new Map<string, { readonly device: GPUDevice; readonly errors: string[] }>()
  beforeAll(async () => {
    for (const [name, features] of Object.entries({ 'webgpu-plain': [], 'webgpu-subgroups': ['subgroups'] })) {
      backends.set(name, await startDawn(name, features))
    }
  })
  const use = async (name: string) => {
    await tf.setBackend(name)
    return backends.get(name)!
  }
  const expectOracle = async (problem: OracleProblem, seed: number) => {
    const inputs = makeInputs(problem, seed)
    const actual = await runKernels(problem, inputs)
    const expected = oracle(problem, inputs.q, inputs.k, inputs.v, inputs.dOut)
    for (const part of parts) expectClose(actual[part], expected[part], tolerance)
    return { inputs, actual, expected }
  }

  const expectCase = async (name: string, problem: OracleProblem) => {
    const { device, errors } = await use(name)
    expect(register().subgroups).toBe(device.features.has('subgroups'))
    const { expected } = await expectOracle(problem, 11)
    expect(expected.out.some((x) => x !== 0)).toBe(true)
    expect(errors).toEqual([])
  }

  describe('values and gradients equal the float64 definition', () => {
    test.each(Object.entries(cases))('%s', (_, problem) => expectCase('webgpu-plain', problem))
  })

  // SwiftShader takes seconds to compile a shader, and with subgroups every one is another
  test('so they do with subgroups', () => expectCase('webgpu-subgroups', cases['everything at once']!))

  test('random shapes and masks', async () => {
    await use('webgpu-plain')
    register()
    const problems = fc.record({
      B: fc.integer({ min: 1, max: 2 }),
      T: fc.integer({ min: 1, max: 100 }),
      extra: fc.integer({ min: -10, max: 100 }),
      K: fc.integer({ min: 1, max: 2 }),
      G: fc.integer({ min: 1, max: 3 }),
      causal: fc.boolean(),
      window: fc.option(fc.integer({ min: 1, max: 120 }), { nil: undefined }),
      extras: fc.option(fc.record({ softcap: fc.constantFrom(0.5, 5, 50), padding: fc.integer({ min: 0, max: 70 }) }), { nil: undefined }),
      seed: fc.nat(1e6),
    })
    const check = fc.asyncProperty(problems, async ({ extra, G, extras, seed, ...rest }) => {
      const S = Math.max(1, rest.T + extra)
      const ids = (length: number, salt: number) => extras && packedIds(seed + salt, rest.B, length, 30, Math.min(extras.padding, length))
      await expectOracle({ ...rest, S, H: G * rest.K, D: 8, softcap: extras?.softcap, queryIds: ids(rest.T, 0), keyIds: ids(S, 0) }, seed)
    })
    await fc.assert(check, { numRuns: 40, seed: 20_261_124 })
  })

  test('log-sum-exp: its value, infinity where a row sees nothing, and its gradient', async () => {
    await use('webgpu-plain')
    register()
    const problem: OracleProblem = { B: 1, T: 70, S: 40, H: 2, K: 1, D: 8, causal: true }
    const { q, k, v, dOut } = makeInputs(problem, 4)
    const dLse = dOut.slice(0, problem.H * problem.T)
    const actual = await runKernels(problem, { q, k, v, dOut: dOut.map(() => 0) }, dLse)
    const expected = gradientOf(problem, q, k, dLse)
    expect([...actual.logSumExp].map((x) => (x === Number.POSITIVE_INFINITY ? 1 : 0))).toEqual([...expected.unseen])
    const seen = (_: number, i: number) => expected.unseen[i] === 0
    expectClose(actual.logSumExp.filter(seen), expected.logSumExp.filter(seen), tolerance)
    expectClose(actual.dQuery, expected.dQuery, tolerance)
    expectClose(actual.dKey, expected.dKey, tolerance)
    expectClose(actual.dValue, new Float32Array(v.length), tolerance)
  })

  test('extreme scores; a hidden key that is not a number', async () => {
    await use('webgpu-plain')
    register()
    const problem: OracleProblem = { B: 1, T: 40, S: 40, H: 1, K: 1, D: 8, causal: true, scale: 1 }
    const inputs = makeInputs(problem, 8, 100) // scores up to ±1e5: every row has one weight of 1
    const actual = await runKernels(problem, inputs)
    const expected = oracle(problem, inputs.q, inputs.k, inputs.v, inputs.dOut)
    expectClose(actual.out, expected.out, { atol: 1e-3 }) // float32 scores of 1e5 have an error of 0.01
    for (const part of parts) expect(actual[part].every(Number.isFinite), part).toBe(true)
    const k = inputs.k.slice().fill(Number.NaN, 30 * 8)
    const withNaN = await runKernels(problem, { ...inputs, k })
    expect(withNaN.out.slice(0, 30 * 8)).toEqual(actual.out.slice(0, 30 * 8))
    expect(withNaN.out.slice(30 * 8).every(Number.isNaN)).toBe(true)
  })

  test('the same bits in every run, and no tensors or buffers left', async () => {
    await use('webgpu-plain')
    register()
    const problem: OracleProblem = {
      B: 2,
      T: 90,
      S: 90,
      H: 4,
      K: 2,
      D: 8,
      causal: true,
      queryIds: ids.slice(0, 180),
      keyIds: ids.slice(0, 180),
    }
    const inputs = makeInputs(problem, 2)
    const first = await runKernels(problem, inputs)
    const bytes = gpuBytes()
    await expectNoLeaks(async () => {
      expect(await runKernels(problem, inputs)).toEqual(first)
    })
    expect(gpuBytes()).toBe(bytes)
  })

  test('memory: inputs, outputs and a statistic for each row', async () => {
    await use('webgpu-plain')
    register()
    const [T, H, D] = [512, 2, 8]
    const [query, key, value, dOut] = [1, 2, 3, 4].map((seed) => tf.randomUniform([1, T, H, D], -1, 1, 'float32', seed)) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ]
    const attrs = { causal: true, scale: 1, window: 0, softcap: 0 }
    const peak = watchPeak()
    const [out, logSumExp] = tf.engine().runKernel('FlashAttention', { query, key, value }, attrs) as unknown as [tf.Tensor, tf.Tensor]
    const gradients = tf
      .engine()
      .runKernel('FlashAttentionGrad', { query, key, value, out, logSumExp, dOut }, attrs) as unknown as tf.Tensor[]
    const [tensor, row] = [4 * T * H * D, 4 * T * H]
    expect(peak.end()).toBeLessThanOrEqual(8 * tensor + 3 * row + 1024) // 4 inputs, out, 3 gradients; log-sum-exp, 2 statistics; uniforms
    tf.dispose([query, key, value, dOut, out, logSumExp, ...gradients])
  })

  test('more workgroups than one axis of a dispatch holds', async () => {
    const { device } = await use('webgpu-plain')
    // the real limit, 65535, takes minutes on a CPU; 5 stays within it
    await withLimits(device, { maxComputeWorkgroupsPerDimension: 5 }, async () => {
      register()
      await expectOracle({ B: 2, T: 200, S: 200, H: 2, K: 1, D: 8, causal: true }, 6) // 26 blocks of queries, 14 of keys
      await expectOracle({ B: 2, T: 1, S: 700, H: 4, K: 2, D: 8, causal: true }, 6) // 12 splits
    })
  })

  test('a tensor beyond what the device binds, and a device too small', async () => {
    const { device } = await use('webgpu-plain')
    const inputs = { query: tf.ones([1, 50, 1, 8]), key: tf.ones([1, 50, 1, 8]), value: tf.ones([1, 50, 1, 8]) }
    const run = () => {
      register()
      tf.engine().runKernel('FlashAttention', inputs, { causal: true, scale: 1, window: 0, softcap: 0 })
    }
    await withLimits(device, { maxStorageBufferBindingSize: 1024 }, () =>
      expect(run).toThrow(/a tensor \[1,50,1,8\] takes 1600 bytes; this device binds at most 1024/),
    )
    await withLimits(device, { maxComputeWorkgroupStorageSize: 4096 }, () =>
      expect(run).toThrow(/workgroups of 256 threads and 4096 bytes; it needs 64 threads and 16384 bytes/),
    )
    tf.dispose(inputs)
  })

  test('refuses what it cannot do', async () => {
    const { device } = await use('webgpu-plain')
    expect(device.features.has('shader-f16')).toBe(false)
    expect(() => registerFlashAttention({ tiles: 'f16' })).toThrow(/without the feature 'shader-f16'.*requiredFeatures/)
    tf.setBackend('cpu')
    expect(() => registerFlashAttention()).toThrow(/the current backend is 'cpu', not WebGPU; import '@tensorflow\/tfjs-backend-webgpu'/)
  })

  test('a lost device is named', async () => {
    const { device } = await startDawn('webgpu-lost')
    register()
    const inputs = { query: tf.ones([1, 2, 1, 4]), key: tf.ones([1, 2, 1, 4]), value: tf.ones([1, 2, 1, 4]) }
    device.destroy()
    await device.lost
    await Promise.resolve()
    expect(() => tf.engine().runKernel('FlashAttention', inputs, { causal: true, scale: 1, window: 0, softcap: 0 })).toThrow(
      /device was lost/,
    )
    await tf.setBackend('webgpu-plain')
    tf.removeBackend('webgpu-lost')
  })

  test('unregister takes the kernels out, once', async () => {
    await use('webgpu-plain')
    const kernels = registerFlashAttention()
    expect(tf.getKernel('FlashAttention', 'webgpu-plain')).toBeDefined()
    kernels.unregister()
    kernels.unregister()
    expect(tf.getKernel('FlashAttention', 'webgpu-plain')).toBeUndefined()
    expect(tf.getKernel('FlashAttentionGrad', 'webgpu-plain')).toBeUndefined()
  })
})

/** Makes a device look smaller than it is. */
async function withLimits(
  device: GPUDevice,
  limits: Partial<Record<keyof GPUSupportedLimits, number>>,
  body: () => unknown,
): Promise<void> {
  const actual = device.limits
  const pretended = new Proxy(actual, { get: (target, name: keyof GPUSupportedLimits) => limits[name] ?? target[name] })
  Object.defineProperty(device, 'limits', { value: pretended, configurable: true })
  try {
    await body()
  } finally {
    Object.defineProperty(device, 'limits', { value: actual, configurable: true })
  }
}

const gpuBytes = () => (tf.memory() as unknown as { readonly numBytesInGPU: number }).numBytesInGPU

/** Most bytes that buffers of the current backend take at once, from here to `end`. */
function watchPeak() {
  const { bufferManager } = tf.backend() as unknown as { bufferManager: { acquireBuffer(...args: unknown[]): unknown } }
  const { acquireBuffer } = bufferManager
  const before = gpuBytes()
  let peak = before
  bufferManager.acquireBuffer = (...args) => {
    const buffer = acquireBuffer.apply(bufferManager, args)
    peak = Math.max(peak, gpuBytes())
    return buffer
  }
  return {
    end() {
      bufferManager.acquireBuffer = acquireBuffer
      return peak - before
    },
  }
}
