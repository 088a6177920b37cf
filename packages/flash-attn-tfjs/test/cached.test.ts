// The kernel that writes into a cache and attends to it, against the definition on all keys.
import * as tf from '@tensorflow/tfjs-core'
import { registerFlashAttention } from 'flash-attn-tfjs/wasm'
import { beforeAll, describe, expect, test } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { makeInputs, packedIds, runOracle } from './support/cases.ts'
import type { OracleProblem } from './support/oracle.ts'
import { startWasm } from './support/wasm.ts'

const tolerance = { atol: 2e-5, rtol: 2e-5 } // as in wasm.test.ts
const ids = packedIds(3, 2, 300, 60, 0)

/** S is the length with the T newest tokens. */
const cases: Record<string, OracleProblem> = {
  'one token, three rows a key head': { B: 1, T: 1, S: 600, H: 9, K: 3, D: 64, causal: true },
  'the first token': { B: 1, T: 1, S: 1, H: 2, K: 1, D: 8, causal: true },
  'two rows of a batch': { B: 2, T: 1, S: 300, H: 4, K: 2, D: 16, causal: true },
  'a few tokens, window': { B: 2, T: 3, S: 300, H: 4, K: 1, D: 16, causal: true, window: 40 },
  'a chunk of a prompt': { B: 2, T: 70, S: 200, H: 2, K: 2, D: 8, causal: true },
  'padded rows': {
    ...{ B: 2, T: 1, S: 300, H: 4, K: 2, D: 16, causal: true },
    ...{ queryIds: ids.filter((_, i) => i % 300 === 299), keyIds: ids },
  },
}

beforeAll(startWasm)

describe.each([1, 2])('FlashAttentionCached, %i thread(s)', (threads) => {
  test.each(Object.entries(cases))('%s', async (_, problem) => {
    const kernels = registerFlashAttention({ threads })
    await expectNoLeaks(() => {
      const inputs = makeInputs(problem, 5)
      const { out, cachedKey } = run(problem, inputs)
      expectClose(out, runOracle(problem, inputs).out, tolerance)
      expect(cachedKey).toEqual(withRoom(problem, inputs.k, 0))
    })
    kernels.unregister()
  })
})

const room = 13

/** Keys or values [B, S, K, D] in a cache with room for more; `missing` rows are not there yet. */
function withRoom({ B, S, K, D }: OracleProblem, x: Float32Array, missing: number): Float32Array {
  const y = new Float32Array(B * (S + room) * K * D)
  for (let b = 0; b < B; b++) y.set(x.subarray(b * S * K * D, (b * S + S - missing) * K * D), b * (S + room) * K * D)
  return y
}

function run(problem: OracleProblem, { q, k, v }: ReturnType<typeof makeInputs>) {
  const { B, T, S, H, K, D, queryIds, keyIds, window = 0 } = problem
  return tf.tidy(() => {
    const newest = (x: Float32Array) => tf.slice(tf.tensor4d(x, [B, S, K, D]), [0, S - T, 0, 0], [B, T, K, D])
    const cache = (x: Float32Array) => tf.tensor4d(withRoom(problem, x, T), [B, S + room, K, D])
    const segments = queryIds &&
      keyIds && {
        querySegmentIds: tf.tensor2d(Int32Array.from(queryIds), [B, T], 'int32'),
        keySegmentIds: tf.tensor2d(Int32Array.from(keyIds), [B, S], 'int32'),
      }
    const inputs = { query: tf.tensor4d(q, [B, T, H, D]), key: newest(k), value: newest(v), cachedKey: cache(k), cachedValue: cache(v) }
    const attrs = { length: S - T, scale: 1 / Math.sqrt(D), window }
    const out = tf.engine().runKernel('FlashAttentionCached', { ...inputs, ...segments }, attrs) as tf.Tensor
    return { out: out.dataSync<'float32'>(), cachedKey: inputs.cachedKey.dataSync<'float32'>() }
  })
}

test('says what does not fit, and writes nothing', () => {
  const kernels = registerFlashAttention({ threads: 1 })
  tf.tidy(() => {
    const [query, key, cache] = [tf.ones([1, 1, 2, 4]), tf.ones([1, 1, 1, 4]), tf.zeros([1, 5, 1, 4])]
    const call = (inputs: Record<string, tf.Tensor>, length: number) => () =>
      tf
        .engine()
        .runKernel(
          'FlashAttentionCached',
          { query, key, value: key, cachedKey: cache, cachedValue: cache, ...inputs },
          { length, scale: 1, window: 0 },
        )
    expect(call({}, 5)).toThrow(/1 rows behind 5 exceed the capacity 5/)
    expect(call({ value: tf.ones([1, 1, 1, 8]) }, 0)).toThrow(/value \[1,1,1,8\].*do not fit/)
    expect(call({ cachedKey: tf.zeros([2, 5, 1, 4]) }, 0)).toThrow(/do not fit/)
    expect(Math.max(...cache.dataSync())).toBe(0)
  })
  kernels.unregister()
})
