import * as tf from '@tensorflow/tfjs-core'
import { type AttentionOptions, attention, flashAttention } from 'flash-attn-tfjs'
import { registerFlashAttention } from 'flash-attn-tfjs/wasm'
import { describe, expect, test } from 'vitest'
import { expectNoLeaks } from '../../../test/support/leaks.ts'

type Call = [tf.Tensor, tf.Tensor, tf.Tensor, AttentionOptions]
const q = tf.ones([2, 6, 4, 8])
const k = tf.ones([2, 6, 2, 8])
const causal = { causal: true }
const ids = (shape: number[]) => tf.ones(shape, 'int32')

const mistakes: [string, Call, RegExp][] = [
  ['a tensor that is none', [undefined as unknown as tf.Tensor, k, k, causal], /query is undefined/],
  ['rank 3', [tf.ones([2, 6, 8]), k, k, causal], /query has shape \[2,6,8\]/],
  ['int32', [tf.ones([2, 6, 4, 8], 'int32'), k, k, causal], /query is int32.*tf\.cast/],
  ['an empty dimension', [tf.ones([2, 0, 4, 8]), k, k, causal], /query is empty/],
  ['key and value that differ', [q, k, tf.ones([2, 5, 2, 8]), causal], /key is \[2,6,2,8\] and value is \[2,5,2,8\]/],
  ['another head dim', [tf.ones([2, 6, 4, 16]), k, k, causal], /batch \(first\) and head dim \(last\)/],
  ['heads that do not divide', [tf.ones([2, 6, 3, 8]), k, k, causal], /3 heads and key has 2/],
  ['no options', [q, k, k, undefined as unknown as AttentionOptions], /causal is undefined/],
  ['scale 0', [q, k, k, { ...causal, scale: 0 }], /scale is 0/],
  ['softcap NaN', [q, k, k, { ...causal, softcap: Number.NaN }], /softcap is NaN/],
  ['window 0', [q, k, k, { ...causal, window: 0 }], /window is 0.*whole number ≥ 1/],
  ['window 2.5', [q, k, k, { ...causal, window: 2.5 }], /window is 2\.5/],
  ['float ids', [q, k, k, { ...causal, segmentIds: tf.ones([2, 6]) }], /segmentIds \(query\) is float32/],
  ['ids of another length', [q, k, k, { ...causal, segmentIds: ids([2, 5]) }], /shape \[2,5\].*\[2, 6\]/],
  ['one tensor of ids for two lengths', [tf.ones([2, 3, 4, 8]), k, k, { ...causal, segmentIds: ids([2, 6]) }], /3 queries and 6 keys/],
]

describe.each([
  ['flashAttention', flashAttention],
  ['attention', attention],
] as const)('%s', (name, attend) => {
  test.each(mistakes)('refuses %s', async (_, [query, key, value, options], message) => {
    const call = () => attend(query as tf.Tensor4D, key as tf.Tensor4D, value as tf.Tensor4D, options)
    expect(call).toThrow(message)
    expect(call).toThrow(new RegExp(`^${name}: `))
    await expectNoLeaks(() => {
      expect(call).toThrow()
    })
  })
})

test('registerFlashAttention needs the wasm backend', () => {
  expect(() => registerFlashAttention()).toThrow(/not tfjs-backend-wasm.*setBackend\('wasm'\)/)
})
