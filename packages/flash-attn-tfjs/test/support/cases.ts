import * as tf from '@tensorflow/tfjs-core'
import type { AttentionOptions } from 'flash-attn-tfjs'
import { type OracleProblem, type OracleResult, oracle } from './oracle.ts'

export type Attend = (q: tf.Tensor4D, k: tf.Tensor4D, v: tf.Tensor4D, options: AttentionOptions) => tf.Tensor4D

/** Uniform numbers in [−1, 1) · size from a 32-bit mixing generator (mulberry32). */
export function uniform(seed: number, length: number, size = 1): Float32Array {
  let state = seed >>> 0
  return Float32Array.from({ length }, () => {
    state = (state + 0x6d2b79f5) >>> 0
    let z = Math.imul(state ^ (state >>> 15), state | 1)
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61)
    return size * (((z ^ (z >>> 14)) >>> 0) / 2 ** 31 - 1)
  })
}

/** Ids of a packed row: runs 1, 2, 3 … of about `mean` positions, the last `padding` positions 0. */
export function packedIds(seed: number, B: number, length: number, mean: number, padding: number): Int32Array {
  const ids = new Int32Array(B * length)
  for (let b = 0; b < B; b++) {
    const cuts = uniform(seed + b, length)
    let id = 1
    for (let i = 0; i < length - padding; i++) {
      ids[b * length + i] = id
      if ((cuts[i] as number) > 1 - 2 / mean) id++
    }
  }
  return ids
}

export interface Inputs {
  readonly q: Float32Array
  readonly k: Float32Array
  readonly v: Float32Array
  readonly dOut: Float32Array
}

export function makeInputs({ B, T, S, H, K, D }: OracleProblem, seed: number, size = 1): Inputs {
  return {
    q: uniform(seed, B * T * H * D, 3 * size),
    k: uniform(seed + 1, B * S * K * D, size),
    v: uniform(seed + 2, B * S * K * D),
    dOut: uniform(seed + 3, B * T * H * D),
  }
}

/** Runs an attention function and its gradient on a problem. */
export function run(
  attend: Attend,
  p: OracleProblem,
  { q, k, v, dOut }: Inputs,
): Record<Exclude<keyof OracleResult, 'logSumExp'>, Float32Array> {
  const { B, T, S, H, K, D, causal, scale, window, softcap, queryIds, keyIds } = p
  const tensors = tf.tidy(() => {
    const segmentIds =
      queryIds && keyIds
        ? { query: tf.tensor2d(Int32Array.from(queryIds), [B, T], 'int32'), key: tf.tensor2d(Int32Array.from(keyIds), [B, S], 'int32') }
        : undefined
    const inputs = [tf.tensor4d(q, [B, T, H, D]), tf.tensor4d(k, [B, S, K, D]), tf.tensor4d(v, [B, S, K, D])] as const
    let out: tf.Tensor | undefined
    const grads = tf.grads((...xs: tf.Tensor[]) => {
      const y = attend(xs[0] as tf.Tensor4D, xs[1] as tf.Tensor4D, xs[2] as tf.Tensor4D, { causal, scale, window, softcap, segmentIds })
      out = tf.keep(tf.clone(y))
      return y
    })([...inputs], tf.tensor4d(dOut, [B, T, H, D]))
    return [out as tf.Tensor, ...grads]
  })
  const [out, dQuery, dKey, dValue] = tensors.map((t) => t.dataSync() as Float32Array)
  tf.dispose(tensors)
  return { out: out!, dQuery: dQuery!, dKey: dKey!, dValue: dValue! }
}

export function runOracle(p: OracleProblem, { q, k, v, dOut }: Inputs): OracleResult {
  return oracle(p, q, k, v, dOut)
}
