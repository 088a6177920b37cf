import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, test } from 'vitest'
import { engine } from '../../../../../test/support/engine.ts'
import { expectAgreement } from '../../support/agree.ts'
import { allParts, attend } from '../../support/attend.ts'
import { makeInputs, packedIds, uniform } from '../../support/cases.ts'
import { type OracleProblem, oracle } from '../../support/oracle.ts'
import { isAwaited } from './awaits.ts'

/** float32 against float64: max |Δ| / max |reference|. */
export const FLOAT32 = 1e-5

const ids = packedIds(5, 2, 70, 20, 7)
const everything = { B: 2, T: 70, S: 70, H: 2, K: 1, D: 8, causal: true, softcap: 2, queryIds: ids, keyIds: ids }
// head dims are few, and softcap and segments come together: each combination is another set of shaders, seconds each on SwiftShader
const cases: Record<string, OracleProblem> = {
  full: { B: 2, T: 33, S: 45, H: 2, K: 2, D: 8, causal: false },
  'causal, two heads to a key': { B: 2, T: 90, S: 90, H: 4, K: 2, D: 8, causal: true },
  'causal, three heads to a key, fewer queries': { B: 1, T: 61, S: 131, H: 3, K: 1, D: 8, causal: true, scale: 0.9 },
  'causal, more queries than keys: the first see none': { B: 1, T: 80, S: 66, H: 1, K: 1, D: 8, causal: true },
  'one query, long key': { B: 2, T: 1, S: 700, H: 8, K: 2, D: 8, causal: true },
  'five queries, long key, window': { B: 1, T: 5, S: 700, H: 4, K: 1, D: 8, causal: true, window: 300 },
  'window of one': { B: 1, T: 40, S: 40, H: 1, K: 1, D: 8, causal: false, window: 1 },
  'window on both sides': { B: 1, T: 70, S: 90, H: 1, K: 1, D: 8, causal: false, window: 9 },
  'segments with padding, window, softcap': { ...everything, window: 30 },
  'few queries, a segmented cache': { ...everything, T: 4, H: 8, K: 2, queryIds: ids.slice(55, 63) },
  'D 37': { B: 1, T: 40, S: 70, H: 2, K: 1, D: 37, causal: true },
  'D 256': { B: 1, T: 34, S: 34, H: 1, K: 1, D: 256, causal: true },
}
/** Where a shader takes no time to compile. */
const more: Record<string, OracleProblem> = {
  'D 1': { B: 2, T: 5, S: 7, H: 2, K: 2, D: 1, causal: false },
  'D 64, softcap': { B: 1, T: 130, S: 130, H: 2, K: 1, D: 64, causal: true, softcap: 20 },
  'D 100, segments': { ...everything, softcap: undefined, D: 100 },
  'D 200, one query': { B: 1, T: 1, S: 90, H: 2, K: 1, D: 200, causal: false },
  'D above the kernels': { B: 1, T: 20, S: 30, H: 2, K: 1, D: 260, causal: true },
  'several tiles': { B: 1, T: 300, S: 523, H: 2, K: 1, D: 16, causal: true },
}

describe('equals the float64 definition, twice with the same bits, and leaves no tensor', () => {
  test.each(Object.entries({ ...cases, ...(engine.name.endsWith('webgpu') ? {} : more) }))('%s', async (_, p) => {
    const inputs = makeInputs(p, 11)
    const actual = await attend(p, inputs)
    const { numTensors, numDataBuffers } = tf.memory()
    expect(await attend(p, inputs)).toEqual(actual)
    expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers })
    const expected = oracle(p, inputs.q, inputs.k, inputs.v, inputs.dOut)
    expectAgreement(actual, expected, FLOAT32)
    expect(expected.out.some((x) => x !== 0)).toBe(true)
  })
})

test('a gradient of logSumExp, rows without keys among them', async () => {
  const p: OracleProblem = { B: 1, T: 60, S: 50, H: 2, K: 1, D: 8, causal: true }
  const inputs = makeInputs(p, 4)
  const dLogSumExp = uniform(9, p.B * p.H * p.T)
  const expected = oracle(p, inputs.q, inputs.k, inputs.v, inputs.dOut, dLogSumExp)
  // the loss is Σ dOut ∘ out + Σ dLogSumExp ∘ logSumExp, whose empty rows are −∞ · dLogSumExp and pass nothing
  expectAgreement(await attend(p, inputs, dLogSumExp), expected, FLOAT32)
})

test('logits of ±1e4', async () => {
  const p: OracleProblem = { B: 1, T: 60, S: 60, H: 2, K: 1, D: 8, causal: true, scale: 1 }
  const inputs = makeInputs(p, 8, 33) // scores up to 8 · 99 · 33 = 26,000
  const expected = oracle(p, inputs.q, inputs.k, inputs.v, inputs.dOut)
  expect(expected.logSumExp.some((x) => x > 1e4)).toBe(true)
  const actual = await attend(p, inputs)
  expectAgreement(actual, expected, 1e-2) // a float32 score of 26,000 is off by up to 1.5e-3, and so are its weight and gradients, times a few
  for (const part of allParts) expect(actual[part].every(Number.isFinite), part).toBe(true)
})

test.skipIf(isAwaited('−1e31'))('finite scores of −1e31 and below are scores like others', async () => {
  const p: OracleProblem = { B: 1, T: 40, S: 40, H: 1, K: 1, D: 8, causal: true, scale: 1 }
  const inputs = makeInputs(p, 8)
  inputs.q.fill(0)
  for (let i = 0; i < 40; i++) inputs.q[8 * i] = 1
  for (let j = 0; j < 40; j++) inputs.k[8 * j] = -1e31
  const expected = oracle(p, inputs.q, inputs.k, inputs.v, inputs.dOut)
  const { out } = await attend(p, inputs)
  for (let i = 0; i < 320; i++) expect(Math.abs(out[i]! - expected.out[i]!)).toBeLessThan(FLOAT32) // a mean of what the row sees
})
