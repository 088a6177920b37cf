import * as tf from '@tensorflow/tfjs-core'
import fc from 'fast-check'
import { flashAttention } from 'flash-attn-tfjs'
import { registerFlashAttention } from 'flash-attn-tfjs/wasm'
import { beforeAll, describe, expect, test } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { type Inputs, makeInputs, packedIds, run, runOracle } from './support/cases.ts'
import type { OracleProblem } from './support/oracle.ts'
import { expectRandomProblems, expectSameBits, parts } from './support/problems.ts'
import { startWasm } from './support/wasm.ts'

// float32 sums of at most 600 terms of size ≤ 3: a few hundred rounding errors of 6e-8, most of which cancel; exp2 adds 1e-7
const tolerance = { atol: 2e-5, rtol: 2e-5 }

const ids = packedIds(5, 2, 190, 40, 17)
const mixed = Int32Array.from({ length: 2 * 190 }, (_, i) => [7, 2, 2, 9, 0, 1, 9, 4][(i >> 4) % 8]!) // documents in any order, in pieces
const cases: Record<string, OracleProblem> = {
  'full, D 8': { B: 2, T: 33, S: 33, H: 2, K: 2, D: 8, causal: false },
  'causal, grouped queries, D 32': { B: 2, T: 150, S: 150, H: 4, K: 2, D: 32, causal: true },
  'causal over several tasks, odd length, D 16': { B: 1, T: 523, S: 523, H: 2, K: 1, D: 16, causal: true },
  'many heads, D 8': { B: 4, T: 70, S: 70, H: 4, K: 4, D: 8, causal: true },
  'decoding over several splits, window, D 30': { B: 2, T: 3, S: 900, H: 4, K: 2, D: 30, causal: true, window: 700 },
  'one query, long key, D 64': { B: 2, T: 1, S: 300, H: 4, K: 2, D: 64, causal: true },
  'one query, four rows, keys just short of a block (254), D 16': { B: 1, T: 1, S: 254, H: 4, K: 1, D: 16, causal: true },
  'one query, four rows, keys just short of a block (255), D 16': { B: 1, T: 1, S: 255, H: 4, K: 1, D: 16, causal: true },
  'two queries, long key, D 40': { B: 1, T: 2, S: 131, H: 2, K: 1, D: 40, causal: true },
  'one query, six rows a key head, odd number of keys, D 30': { B: 2, T: 1, S: 333, H: 12, K: 2, D: 30, causal: true },
  'one query, three rows a key head, D 64': { B: 1, T: 1, S: 700, H: 9, K: 3, D: 64, causal: true },
  'one query, seven rows a key head, odd D': { B: 1, T: 1, S: 301, H: 7, K: 1, D: 7, causal: true },
  'five queries, D 128': { B: 1, T: 5, S: 131, H: 2, K: 1, D: 128, causal: true },
  'odd D': { B: 2, T: 70, S: 80, H: 2, K: 1, D: 5, causal: true },
  'more queries than keys: the first see none': { B: 1, T: 140, S: 66, H: 1, K: 1, D: 8, causal: true },
  'window, causal': { B: 1, T: 300, S: 310, H: 2, K: 2, D: 8, causal: true, window: 17 },
  'window, both sides': { B: 1, T: 300, S: 300, H: 1, K: 1, D: 8, causal: false, window: 80 },
  'softcap and scale': { B: 1, T: 150, S: 150, H: 2, K: 1, D: 8, causal: true, softcap: 2, scale: 0.9 },
  'segments with padding': { B: 2, T: 190, S: 190, H: 2, K: 1, D: 8, causal: true, queryIds: ids, keyIds: ids },
  'segments in any order': { B: 2, T: 190, S: 190, H: 2, K: 1, D: 9, causal: false, queryIds: mixed, keyIds: mixed },
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

/** Rows of documents 1, 1, … 2, 2, …; the second one's inputs hold NaN and infinities, or zeros. */
function twoDocuments(T: number, S: number, poison: readonly number[]): { problem: OracleProblem; inputs: Inputs; firstRows: number } {
  const idsOf = (length: number, first: number) => Int32Array.from({ length }, (_, i) => (i < first ? 1 : 2))
  const [firstRows, firstKeys] = [Math.ceil(T / 2), Math.ceil(S / 2)]
  const problem = { B: 1, T, S, H: 2, K: 1, D: 12, causal: false, queryIds: idsOf(T, firstRows), keyIds: idsOf(S, firstKeys) }
  const clean = makeInputs(problem, 7)
  const spoil = (x: Float32Array, from: number) => x.map((value, i) => (i < from ? value : poison[i % poison.length]!))
  const [rowSize, keySize] = [2 * 12, 12]
  const { q, k, v, dOut } = clean
  const inputs = {
    q: spoil(q, firstRows * rowSize),
    k: spoil(k, firstKeys * keySize),
    v: spoil(v, firstKeys * keySize),
    dOut: spoil(dOut, firstRows * rowSize),
  }
  return { problem, inputs, firstRows }
}

test.each([
  ['tiles', 150, 150],
  ['a few queries', 4, 700],
])('NaN and infinity reach nobody who does not see them: %s', (_, T, S) => {
  const kernels = registerFlashAttention({ threads: 2 })
  const results = [[0], [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]].map((poison) => {
    const { problem, inputs, firstRows } = twoDocuments(T, S, poison)
    const result = run(flashAttention, problem, inputs)
    expect(result.out.subarray(firstRows * 24).every(Number.isNaN)).toBe(poison.length > 1)
    return [
      ...[result.out, result.dQuery].map((x) => x.subarray(0, firstRows * 24)),
      ...[result.dKey, result.dValue].map((x) => x.subarray(0, Math.ceil(S / 2) * 12)),
    ]
  })
  expect(results[1]).toEqual(results[0])
  expect(results[0]!.every((x) => x.every(Number.isFinite))).toBe(true)
  kernels.unregister()
})

test.each([
  ['tiles', 70],
  ['a few queries', 3],
])('rows that see only scores of −∞ are NaN, rows without keys 0: %s', (_, T) => {
  const kernels = registerFlashAttention({ threads: 2 })
  const [out, logSumExp] = tf.tidy(() => {
    const query = tf.ones([1, T, 1, 4]) as tf.Tensor4D
    const key = tf.fill([1, T - 1, 1, 4], Number.NEGATIVE_INFINITY) as tf.Tensor4D // causal, aligned at the end: row 0 sees nothing
    const value = tf.ones([1, T - 1, 1, 4]) as tf.Tensor4D
    return flashAttention(query, key, value, { causal: true, returnLogSumExp: true }).map((x) => x.dataSync())
  }) as [Float32Array, Float32Array]
  expect([...out.subarray(0, 4)]).toEqual([0, 0, 0, 0])
  expect(out.subarray(4).every(Number.isNaN)).toBe(true)
  expect([...logSumExp]).toEqual(Array(T).fill(Number.NEGATIVE_INFINITY)) // of an empty sum, and of a sum of zeros
  kernels.unregister()
})

test.each(['relaxed', 'simd'] as const)('logits of ±1e4 lose nothing in the output (%s)', (simd) => {
  const kernels = registerFlashAttention({ threads: 1, simd })
  for (const T of [3, 65]) {
    const problem: OracleProblem = { B: 1, T, S: 65, H: 1, K: 1, D: 1, causal: false, scale: 1 }
    const keys = [78.125, 78.109375, -78.125, 78.1171875, 0] // times 128: 10000, 9998, −10000, 9999, 0
    const inputs = {
      q: new Float32Array(T).map((_, i) => (i % 2 === 0 ? 128 : -128)),
      k: new Float32Array(65).map((_, i) => keys[i % keys.length]!),
      v: makeInputs(problem, 2).v,
      dOut: makeInputs(problem, 2).dOut,
    }
    const actual = run(flashAttention, problem, inputs)
    const expected = runOracle(problem, inputs)
    expectClose(actual.out, expected.out, { atol: 1e-6, rtol: 1e-6 }) // sums of 65 terms of size 1
    // the saved log-sum-exp is a float32 near 1e4, half a unit of whose last place is 5e-4; keys are of size 128
    for (const part of ['dQuery', 'dKey', 'dValue'] as const) expectClose(actual[part], expected[part], { atol: 0.2, rtol: 2e-3 })
    expectClose(actual.dValue, expected.dValue, { atol: 1e-3, rtol: 2e-3 })
  }
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
      { B: 1, T: 2, S: 1500, H: 4, K: 2, D: 16, causal: true },
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
