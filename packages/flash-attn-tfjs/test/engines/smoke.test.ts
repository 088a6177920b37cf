import * as tf from '@tensorflow/tfjs-core'
import { attention, flashAttention } from 'flash-attn-tfjs'
import { expect, test } from 'vitest'
import { expectClose } from '../../../../test/support/close.ts'
import { engine } from '../../../../test/support/engine.ts'

test('flashAttention equals attention, with gradients', async () => {
  expect(engine.backend).toBe(tf.getBackend())
  const [query, key, value] = [1, 2, 3].map((seed) => tf.randomNormal([2, 37, 2, 16], 0, 1, 'float32', seed) as tf.Tensor4D)
  const results = [flashAttention, attention].map((f) => [
    f(query!, key!, value!, { causal: true }),
    ...tf.grads((q, k, v) => tf.sum(tf.square(f(q as tf.Tensor4D, k as tf.Tensor4D, v as tf.Tensor4D, { causal: true }))))([
      query!,
      key!,
      value!,
    ]),
  ])
  // float32 sums of 37 terms of size ≤ 10
  for (const [i, actual] of results[0]!.entries())
    expectClose(await actual.data(), await results[1]![i]!.data(), { atol: 1e-4, rtol: 1e-4 })
})
