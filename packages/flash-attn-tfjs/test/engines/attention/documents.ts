import * as tf from '@tensorflow/tfjs-core'
import { flashAttention, mergeAttention } from 'flash-attn-tfjs'
import { expect, test } from 'vitest'
import { expectClosePart } from '../../support/agree.ts'
import { allParts, attend } from '../../support/attend.ts'
import { type Inputs, makeInputs, uniform } from '../../support/cases.ts'
import { type OracleProblem, oracle } from '../../support/oracle.ts'
import { FLOAT32 } from './definition.ts'

test('packed documents equal each document alone, values and gradients; padding is 0', async () => {
  const lengths = [5, 70, 1, 40]
  const [length, H, K, D] = [130, 4, 2, 8] // 116 positions, 14 of padding
  const ids = new Int32Array(length)
  const starts = lengths.map((_, i) => lengths.slice(0, i).reduce((x, y) => x + y, 0))
  for (const [i, start] of starts.entries()) ids.fill(i + 1, start, start + lengths[i]!)
  const common = { B: 1, H, K, D, causal: true, softcap: 3 }
  const packed: OracleProblem = { ...common, T: length, S: length, queryIds: ids, keyIds: ids }
  const inputs = makeInputs(packed, 21)
  const { logSumExp, ...together } = await attend(packed, inputs)
  const rows = (x: Float32Array, heads: number, start: number, size: number) => x.slice(start * heads * D, (start + size) * heads * D)
  const heads = { out: H, dQuery: H, dKey: K, dValue: K }
  for (const [i, start] of starts.entries()) {
    const size = lengths[i]!
    const cut = (x: Float32Array, heads: number) => rows(x, heads, start, size)
    const own: Inputs = { q: cut(inputs.q, H), k: cut(inputs.k, K), v: cut(inputs.v, K), dOut: cut(inputs.dOut, H) }
    const alone = oracle({ ...common, T: size, S: size }, own.q, own.k, own.v, own.dOut)
    for (const part of ['out', 'dQuery', 'dKey', 'dValue'] as const)
      expectClosePart(part, cut(together[part], heads[part]), alone[part], FLOAT32)
  }
  for (const part of ['out', 'dQuery', 'dKey', 'dValue'] as const)
    expect(rows(together[part], heads[part], 116, 14).every((x) => x === 0)).toBe(true)
  for (let h = 0; h < H; h++)
    expect(logSumExp.slice(h * length + 116, (h + 1) * length).every((x) => x === Number.NEGATIVE_INFINITY)).toBe(true)
})

test('attention to split keys, merged, equals attention to all of them, values and gradients', async () => {
  const p: OracleProblem = { B: 1, T: 9, S: 50, H: 4, K: 1, D: 8, causal: false }
  const inputs = makeInputs(p, 2)
  const dLogSumExp = uniform(6, p.H * p.T)
  const tensors = tf.tidy(() => {
    const options = { causal: false, returnLogSumExp: true } as const
    const dOut = tf.tensor(inputs.dOut, [1, p.T, p.H, p.D])
    const merged = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) => {
      const query = q as tf.Tensor4D
      const [keys, values] = [k, v].map((x) => tf.split(x, [30, 5, 15], 1) as tf.Tensor4D[])
      const nothing: [tf.Tensor4D, tf.Tensor3D] = [tf.zeros([1, p.T, p.H, p.D]), tf.fill([1, p.H, p.T], Number.NEGATIVE_INFINITY)]
      return mergeAttention([nothing, ...keys!.map((key, i) => flashAttention(query, key, values![i]!, options))])
    }
    const loss = (...[q, k, v]: tf.Tensor[]): tf.Tensor => {
      const [out, logSumExp] = merged(q!, k!, v!)
      return tf.add(tf.sum(tf.mul(out, dOut)), tf.sum(tf.mul(logSumExp, tf.tensor(dLogSumExp, [1, p.H, p.T]))))
    }
    const qkv = [tf.tensor(inputs.q, [1, p.T, p.H, p.D]), ...[inputs.k, inputs.v].map((x) => tf.tensor(x, [1, p.S, p.K, p.D]))]
    return [...merged(qkv[0]!, qkv[1]!, qkv[2]!), ...tf.grads(loss)(qkv)]
  })
  const actual = await Promise.all(tensors.map((x) => x.data<'float32'>()))
  tf.dispose(tensors)
  const expected = oracle(p, inputs.q, inputs.k, inputs.v, inputs.dOut, dLogSumExp)
  for (const [i, part] of allParts.entries()) expectClosePart(part, actual[i]!, expected[part], FLOAT32)
})
