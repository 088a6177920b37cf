import * as tf from '@tensorflow/tfjs-core'
import { attention, flashAttention } from 'flash-attn-tfjs'
import { expect, test } from 'vitest'
import { engine } from '../../../../test/support/engine.ts'
import { type Inputs, makeInputs, packedIds } from '../support/cases.ts'
import { type OracleProblem, oracle } from '../support/oracle.ts'

const ids = packedIds(5, 2, 70, 20, 7)
const cases: Record<string, OracleProblem> = {
  'full, D 1': { B: 2, T: 5, S: 7, H: 2, K: 2, D: 1, causal: false },
  'causal, grouped queries, odd D': { B: 1, T: 70, S: 70, H: 4, K: 2, D: 37, causal: true },
  'causal, two rows of a batch': { B: 2, T: 37, S: 37, H: 2, K: 2, D: 16, causal: true },
  'D 256': { B: 1, T: 9, S: 17, H: 1, K: 1, D: 256, causal: true },
  'one query, long key': { B: 1, T: 1, S: 300, H: 2, K: 1, D: 64, causal: true },
  'rows without keys': { B: 1, T: 20, S: 12, H: 1, K: 1, D: 8, causal: true },
  'window on both sides': { B: 1, T: 70, S: 70, H: 1, K: 1, D: 16, causal: false, window: 9 },
  'softcap and scale': { B: 1, T: 40, S: 40, H: 2, K: 1, D: 8, causal: true, softcap: 2, scale: 0.9 },
  'segments with padding, window': { B: 2, T: 70, S: 70, H: 2, K: 1, D: 8, causal: true, window: 30, queryIds: ids, keyIds: ids },
}

async function run(p: OracleProblem, { q, k, v, dOut }: Inputs): Promise<Float32Array[]> {
  const { B, T, S, H, K, D, causal, scale, window, softcap } = p
  const tensors = tf.tidy(() => {
    const segmentIds = p.queryIds && tf.tensor2d(Int32Array.from(p.queryIds), [B, T], 'int32')
    const inputs = [tf.tensor4d(q, [B, T, H, D]), tf.tensor4d(k, [B, S, K, D]), tf.tensor4d(v, [B, S, K, D])]
    const attend = (...[x, y, z]: tf.Tensor[]) =>
      flashAttention(x as tf.Tensor4D, y as tf.Tensor4D, z as tf.Tensor4D, { causal, scale, window, softcap, segmentIds })
    return [attend(...inputs), ...tf.grads(attend)(inputs, tf.tensor4d(dOut, [B, T, H, D]))]
  })
  const results = await Promise.all(tensors.map((x) => x.data<'float32'>()))
  tf.dispose(tensors)
  return results.map((x) => Float32Array.from(x))
}

test(`${engine.name}: runs on the backend of its name`, () => {
  expect(engine.backend).toBe(tf.getBackend())
})

test.each(Object.entries(cases))(`${engine.name}: equals the float64 definition, twice the same bits, no leaks: %s`, async (_, p) => {
  const inputs = makeInputs(p, 11)
  const actual = await run(p, inputs)
  const before = tf.memory().numTensors
  expect(await run(p, inputs)).toEqual(actual)
  expect(tf.memory().numTensors).toBe(before)
  const { out, dQuery, dKey, dValue } = oracle(p, inputs.q, inputs.k, inputs.v, inputs.dOut)
  for (const [i, expected] of [out, dQuery, dKey, dValue].entries()) {
    const largest = expected.reduce((x, y) => Math.max(x, Math.abs(y)), 1e-3) // D 1 and one key have gradients of 0
    const worst = expected.reduce((x, y, n) => Math.max(x, Math.abs(y - actual[i]![n]!)), 0)
    expect(worst / largest).toBeLessThan(1e-5) // max |Δ| / max |reference|; float32 against float64
    expect(actual[i]!.every(Number.isFinite)).toBe(true)
  }
})

test(`${engine.name}: gradients of logSumExp equal those of the naive twin`, async () => {
  const { q, k } = makeInputs({ B: 1, T: 20, S: 20, H: 2, K: 1, D: 8, causal: true }, 4)
  const gradient = (attend: typeof flashAttention | typeof attention) =>
    tf.tidy(() => {
      const key = tf.tensor4d(k, [1, 20, 1, 8])
      return tf.grad((x) => {
        const [out, log] = attend(x as tf.Tensor4D, key, key, { causal: true, returnLogSumExp: true })
        return tf.add(tf.sum(tf.square(out)), tf.sum(tf.square(log)))
      })(tf.tensor4d(q, [1, 20, 2, 8]))
    })
  const [actual, expected] = await Promise.all([flashAttention, attention].map((attend) => gradient(attend).data<'float32'>()))
  const largest = expected!.reduce((x: number, y: number) => Math.max(x, Math.abs(y)), 0)
  for (const [i, x] of actual!.entries()) expect(Math.abs(x - expected![i]!)).toBeLessThan(1e-5 * largest)
})
