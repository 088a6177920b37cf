import * as tf from '@tensorflow/tfjs-core'
import { type AttentionOptions, flashAttention } from 'flash-attn-tfjs'
import type { Inputs } from './cases.ts'
import type { OracleProblem, OracleResult } from './oracle.ts'

export type Results = Record<keyof OracleResult, Float32Array>

/** The tensors of a problem, which the caller disposes, and its options. */
export function tensorsOf(p: OracleProblem, { q, k, v, dOut }: Inputs) {
  const { B, T, S, H, K, D, causal, scale, window, softcap, queryIds, keyIds } = p
  const ids = (side: ArrayLike<number>, length: number) => tf.tensor2d(Int32Array.from(side), [B, length], 'int32')
  const options: AttentionOptions = {
    ...{ causal, scale, window, softcap },
    segmentIds: queryIds && keyIds && { query: ids(queryIds, T), key: ids(keyIds, S) },
  }
  const query = tf.tensor4d(q, [B, T, H, D])
  const key = tf.tensor4d(k, [B, S, K, D])
  const value = tf.tensor4d(v, [B, S, K, D])
  return { query, key, value, dOut: tf.tensor4d(dOut, [B, T, H, D]), options }
}

/**
 * `flashAttention` and its gradients, under `tf.grads`, read without blocking, as WebGPU in Node needs. With `dLogSumExp` `[B, H, T]` a
 * gradient of logSumExp goes in too.
 */
export async function attend(p: OracleProblem, inputs: Inputs, dLogSumExp?: Float32Array): Promise<Results> {
  const tensors = tf.tidy(() => {
    const { query, key, value, dOut, options } = tensorsOf(p, inputs)
    const results = flashAttention(query, key, value, { ...options, returnLogSumExp: true })
    const loss = (...[x, y, z]: tf.Tensor[]): tf.Tensor => {
      const [q, k, v] = [x, y, z] as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D]
      if (dLogSumExp === undefined) return flashAttention(q, k, v, options)
      const [out, logSumExp] = flashAttention(q, k, v, { ...options, returnLogSumExp: true })
      return tf.add(tf.sum(tf.mul(out, dOut)), tf.sum(tf.mul(logSumExp, tf.tensor3d(dLogSumExp, [p.B, p.H, p.T]))))
    }
    return [...results, ...tf.grads(loss)([query, key, value], dLogSumExp === undefined ? dOut : undefined)]
  })
  const arrays = await Promise.all(tensors.map((x) => x.data<'float32'>()))
  tf.dispose(tensors)
  const [out, logSumExp, dQuery, dKey, dValue] = arrays.map((x) => Float32Array.from(x))
  return { out: out!, logSumExp: logSumExp!, dQuery: dQuery!, dKey: dKey!, dValue: dValue! }
}

export const allParts = ['out', 'logSumExp', 'dQuery', 'dKey', 'dValue'] as const
