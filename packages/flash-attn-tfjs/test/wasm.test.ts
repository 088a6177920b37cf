import * as tf from '@tensorflow/tfjs-core'
import fc from 'fast-check'
import { flashAttention } from 'flash-attn-tfjs'
import { registerFlashAttention } from 'flash-attn-tfjs/wasm'
import { beforeAll, describe, expect, test } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { makeInputs, packedIds, run, runOracle } from './support/cases.ts'
import type { OracleProblem } from './support/oracle.ts'
import { expectRandomProblems, expectSameBits, parts } from './support/problems.ts'
import { startWasm } from './support/wasm.ts'

// float32 sums of at most 600 terms of size ≤ 3: a few hundred rounding errors of 6e-8, most of which cancel; exp2 adds 1e-7
const tolerance = { atol: 2e-5, rtol: 2e-5 }

const ids = packedIds(5, 2, 190, 40, 17)
const cases: Record<string, OracleProblem> = {
  'full, D 8': { B: 2, T: 33, S: 33, H: 2, K: 2, D: 8, causal: false },
  'causal, grouped queries, D 32': { B: 2, T: 150, S: 150, H: 4, K: 2, D: 32, causal: true },
  'causal over several tasks, odd length, D 16': { B: 1, T: 523, S: 523, H: 2, K: 1, D: 16, causal: true },
  'many heads, D 8': { B: 4, T: 70, S: 70, H: 4, K: 4, D: 8, causal: true },
  'one query, long key, D 64': { B: 2, T: 1, S: 300, H: 4, K: 2, D: 64, causal: true },
  'two queries, long key, D 40': { B: 1, T: 2, S: 131, H: 2, K: 1, D: 40, causal: true },
  'five queries, D 128': { B: 1, T: 5, S: 131, H: 2, K: 1, D: 128, causal: true },
  'odd D': { B: 2, T: 70, S: 80, H: 2, K: 1, D: 5, causal: true },
  'more queries than keys: the first see none': { B: 1, T: 140, S: 66, H: 1, K: 1, D: 8, causal: true },
  'window, causal': { B: 1, T: 300, S: 310, H: 2, K: 2, D: 8, causal: true, window: 17 },
  'window, both sides': { B: 1, T: 300, S: 300, H: 1, K: 1, D: 8, causal: false, window: 80 },
  'softcap and scale': { B: 1, T: 150, S: 150, H: 2, K: 1, D: 8, causal: true, softcap: 2, scale: 0.9 },
  'segments with padding': { B: 2, T: 190, S: 190, H: 2, K: 1, D: 8, causal: true, queryIds: ids, keyIds: ids },
  'everything at once': { B: 2, T: 190, S: 190, H: 4, K: 2, D: 16, causal: true, window: 50, softcap: 3, queryIds: ids, keyIds: ids },
}

beforeAll(startWasm)

describe.each(['relaxed', 'simd'] as const)('wasm kernels (%s) equal the float64 definition, values and gradients', (simd) => {
  test.each(Object.entries(cases))('%s', async (_, problem) => {
    const kernels = registerFlashAttention({ threads: 2, simd })
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
  expectRandomProblems(fc.constantFrom(1, 4, 7, 8, 24), tolerance)
  kernels.unregister()
})

test('the number of threads changes no bit', () => {
  expectSameBits(
    registerFlashAttention,
    [1, 2, 3],
    [
      { B: 1, T: 700, S: 700, H: 4, K: 2, D: 32, causal: true },
      { B: 1, T: 300, S: 300, H: 1, K: 1, D: 16, causal: true },
      { B: 4, T: 128, S: 128, H: 4, K: 4, D: 16, causal: false },
    ],
  )
})

test('unregister leaves the composed form, which agrees', () => {
  const problem: OracleProblem = { B: 1, T: 100, S: 100, H: 2, K: 1, D: 8, causal: true, window: 30 }
  const inputs = makeInputs(problem, 9)
  const kernels = registerFlashAttention({ threads: 1 })
  const native = run(flashAttention, problem, inputs)
  kernels.unregister()
  kernels.unregister()
  expect(tf.getKernel('FlashAttention', 'wasm')).toBeUndefined()
  const composed = run(flashAttention, problem, inputs)
  for (const part of parts) expectClose(native[part], composed[part], tolerance)
})
