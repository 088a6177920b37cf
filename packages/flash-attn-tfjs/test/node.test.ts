// Needs tfjs-node, which bench/setup-peers installs; without it every test here is skipped.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import fc from 'fast-check'
import { flashAttention } from 'flash-attn-tfjs'
import { registerFlashAttention } from 'flash-attn-tfjs/node'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { hasTfjsNode, startTfjsNode } from '../../../test/support/tfjs-node.ts'
import { buildAddon } from '../src/node/build.ts'
import { makeInputs, packedIds, run, runOracle, uniform } from './support/cases.ts'
import type { OracleProblem } from './support/oracle.ts'
import { expectRandomProblems, expectSameBits, parts } from './support/problems.ts'

// float32 sums of at most 600 terms of size ≤ 3: a few hundred rounding errors of 6e-8, most of which cancel; exp2 adds 1.5e-7
const tolerance = { atol: 2e-5, rtol: 2e-5 }

const ids = packedIds(5, 2, 190, 40, 17)
const cases: Record<string, OracleProblem> = {
  'one head dim': { B: 1, T: 9, S: 9, H: 1, K: 1, D: 1, causal: true },
  'full, D 8': { B: 2, T: 33, S: 33, H: 2, K: 2, D: 8, causal: false },
  'causal, grouped queries, D 37': { B: 2, T: 150, S: 150, H: 4, K: 2, D: 37, causal: true },
  'causal over several tasks, D 16': { B: 1, T: 523, S: 523, H: 2, K: 1, D: 16, causal: true },
  'D 256': { B: 1, T: 70, S: 70, H: 1, K: 1, D: 256, causal: true },
  'one query, two ranges of keys, D 72': { B: 2, T: 1, S: 1500, H: 4, K: 2, D: 72, causal: true },
  'few queries, window, softcap, D 5': { B: 1, T: 3, S: 1100, H: 2, K: 1, D: 5, causal: true, window: 70, softcap: 2 },
  'few queries of segments': { B: 2, T: 2, S: 190, H: 2, K: 1, D: 8, causal: false, queryIds: [1, 2, 0, 1], keyIds: ids },
  'more queries than keys: the first see none': { B: 1, T: 140, S: 66, H: 1, K: 1, D: 8, causal: true },
  'window, causal': { B: 1, T: 300, S: 310, H: 2, K: 2, D: 8, causal: true, window: 17 },
  'window, both sides': { B: 1, T: 300, S: 300, H: 1, K: 1, D: 8, causal: false, window: 80 },
  'softcap and scale': { B: 1, T: 150, S: 150, H: 2, K: 1, D: 8, causal: true, softcap: 2, scale: 0.9 },
  'segments with padding': { B: 2, T: 190, S: 190, H: 2, K: 1, D: 8, causal: true, queryIds: ids, keyIds: ids },
  'everything at once': { B: 2, T: 190, S: 190, H: 4, K: 2, D: 16, causal: true, window: 50, softcap: 3, queryIds: ids, keyIds: ids },
}

describe.skipIf(!hasTfjsNode)('tfjs-node (skipped unless bench/setup-peers has installed it)', () => {
  let supported: readonly string[]
  beforeAll(async () => {
    await startTfjsNode()
    const { simd, unregister } = registerFlashAttention()
    unregister()
    supported = ['avx512', 'avx2', 'simd128'].slice(['avx512', 'avx2', 'simd128'].indexOf(simd))
  })

  describe.each(['avx512', 'avx2', 'simd128'] as const)('%s equals the float64 definition, values and gradients', (simd) => {
    test.each(Object.entries(cases))('%s', async (_, problem) => {
      if (!supported.includes(simd)) {
        expect(() => registerFlashAttention({ simd })).toThrow(/this processor has/)
        return
      }
      const kernels = registerFlashAttention({ threads: 2, simd })
      expect(kernels).toMatchObject({ threads: 2, simd })
      const inputs = makeInputs(problem, 11)
      const actual = run(flashAttention, problem, inputs)
      const expected = runOracle(problem, inputs)
      for (const part of parts) expectClose(actual[part], expected[part], tolerance)
      expect(expected.out.some((x) => x !== 0)).toBe(true)
      await expectNoLeaks(() => run(flashAttention, problem, inputs))
      kernels.unregister()
    })
  })

  test('random shapes and masks equal the float64 definition', () => {
    const kernels = registerFlashAttention({ threads: 2 })
    expectRandomProblems(fc.integer({ min: 1, max: 40 }), tolerance)
    kernels.unregister()
  })

  test('the number of threads changes no bit', () => {
    expectSameBits(
      registerFlashAttention,
      [1, 2, 5],
      [
        { B: 1, T: 700, S: 700, H: 4, K: 2, D: 32, causal: true },
        { B: 1, T: 300, S: 300, H: 1, K: 1, D: 16, causal: true, window: 90 },
        { B: 1, T: 2, S: 2100, H: 4, K: 2, D: 32, causal: true },
      ],
    )
  })

  test('a gradient of the log-sum-exp goes into delta', () => {
    const kernels = registerFlashAttention({ threads: 1 })
    const attrs = { causal: true, scale: 0.5, window: 0, softcap: 0 }
    const [query, key, value] = [1, 2, 3].map((seed) => tf.tensor4d(uniform(seed, 20 * 8), [1, 20, 1, 8]))
    const call = (name: string, inputs: tf.NamedTensorMap): tf.Tensor[] => {
      const outputs: unknown = tf.engine().runKernel(name, inputs, attrs)
      return outputs as tf.Tensor[]
    }
    const inputs = { query: query!, key: key!, value: value! }
    const [out, logSumExp] = call('FlashAttention', inputs)
    const zeros = tf.zerosLike(query!)
    const dLogSumExp = tf.ones([1, 1, 20])
    const gradients = call('FlashAttentionGrad', { ...inputs, out: out!, logSumExp: logSumExp!, dOut: zeros, dLogSumExp })
    // d Σ logSumExp / d query = scale · softmax · key: what attention to keys instead of values gives, times scale
    const [mean] = call('FlashAttention', { ...inputs, value: key! })
    expectClose(gradients[0]!.dataSync(), tf.mul(mean!, 0.5).dataSync(), { atol: 1e-6 })
    kernels.unregister()
  })

  test('NaN in a key reaches the rows that see it, and no others', () => {
    const kernels = registerFlashAttention({ threads: 1 })
    const problem: OracleProblem = { B: 1, T: 70, S: 70, H: 1, K: 1, D: 8, causal: true }
    const inputs = makeInputs(problem, 5)
    inputs.k.fill(Number.NaN, 30 * 8, 31 * 8)
    const { out } = run(flashAttention, problem, inputs)
    expect(out.slice(0, 30 * 8).every(Number.isFinite)).toBe(true)
    expect(out.slice(30 * 8).every(Number.isNaN)).toBe(true)
    kernels.unregister()
  })

  test('what the op refuses is an error of the call, and the next call works', async () => {
    const kernels = registerFlashAttention({ threads: 2 })
    const attrs = { causal: true, scale: 1, window: 0, softcap: 0 }
    const inputs = { query: tf.zeros([1, 2, 2, 4]), key: tf.zeros([1, 2, 1, 4]), value: tf.zeros([1, 2, 1, 5]) }
    await expectNoLeaks(() => {
      expect(() => tf.engine().runKernel('FlashAttention', inputs, attrs)).toThrow(/value has shape \[1,2,1,5\] and needs \[1,2,1,4\]/)
    })
    const outputs: unknown = tf.engine().runKernel('FlashAttention', { ...inputs, value: inputs.key }, attrs)
    tf.dispose([...(outputs as tf.Tensor[]), ...Object.values(inputs)])
    kernels.unregister()
    kernels.unregister()
    expect(tf.getKernel('FlashAttention', 'tensorflow')).toBeUndefined()
  })

  test('2,000 calls leave the process as large as it was', () => {
    const kernels = registerFlashAttention({ threads: 2 })
    const problem: OracleProblem = {
      B: 1,
      T: 128,
      S: 128,
      H: 2,
      K: 1,
      D: 16,
      causal: true,
      queryIds: ids.slice(0, 128),
      keyIds: ids.slice(0, 128),
    }
    const inputs = makeInputs(problem, 5)
    const repeat = (times: number) => {
      for (let i = 0; i < times; i++) run(flashAttention, problem, inputs)
      return process.memoryUsage().rss
    }
    repeat(300)
    const before = repeat(300)
    // a call makes 100 kB of tensors: were a single one of its outputs kept, 2,000 calls would add more than 30 MB
    expect(repeat(2000) - before).toBeLessThan(20e6)
    kernels.unregister()
  })

  test('without the addon, and on a GPU: composed, said once, with what to do', () => {
    vi.stubEnv('XDG_CACHE_HOME', join(tmpdir(), 'no-such-cache'))
    const arch = Object.getOwnPropertyDescriptor(process, 'arch')!
    Object.defineProperty(process, 'arch', { ...arch, value: 'riscv64' })
    try {
      for (let i = 0; i < 2; i++) expect(registerFlashAttention()).toMatchObject({ threads: 0, simd: 'none' })
    } finally {
      Object.defineProperty(process, 'arch', arch)
      vi.unstubAllEnvs()
    }
    const warn = vi.mocked(console.warn)
    expect(warn.mock.calls).toEqual([[expect.stringMatching(/not installed; `npx flash-attn-tfjs build`.*composed of tfjs ops/)]])
    warn.mockClear()
    expect(tf.getKernel('FlashAttention', 'tensorflow')).toBeUndefined()

    const problem = cases['everything at once']!
    const inputs = makeInputs(problem, 11)
    expectClose(run(flashAttention, problem, inputs).out, runOracle(problem, inputs).out, tolerance)

    const backend: object = tf.backend()
    Object.assign(backend, { isUsingGpuDevice: true })
    expect(registerFlashAttention()).toMatchObject({ threads: 0, simd: 'none' })
    Object.assign(backend, { isUsingGpuDevice: false })
  })

  test.each([0, 1.5, 257])('refuses %s threads', (threads) => {
    expect(() => registerFlashAttention({ threads })).toThrow(`threads is ${threads}; pass an integer from 1 to 256`)
  })
})

test('refuses another backend', async () => {
  await tf.setBackend('cpu')
  expect(() => registerFlashAttention()).toThrow(/not tfjs-node's.*@tensorflow\/tfjs-node/)
})

describe('building from source', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flash-attn-tfjs-test-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  test('says so where there is no compiler', async () => {
    vi.stubEnv('CXX', 'no-such-compiler')
    await expect(buildAddon(folder, join(folder, 'addon.node'))).rejects.toThrow(
      /no C\+\+ compiler \(tried no-such-compiler\).*apt install g\+\+/,
    )
    vi.unstubAllEnvs()
  })
})
