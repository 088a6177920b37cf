import * as tf from '@tensorflow/tfjs'
import { flashAttention } from 'flash-attn-tfjs'
import { noise } from '../../inputs.ts'
import type { Prepared } from '../../serve-peer.ts'
import { meanSize } from '../mean-size.ts'

export interface DecodeInput {
  /** Keys in the cache. */
  readonly S: number
  readonly H: number
  readonly K: number
  readonly D: number
}

/** One query against a cache: [1, S, K, D] for flash, [K, S, D] for naive, as each would keep it. */
export function prepareDecode(form: 'flash' | 'naive', { S, H, K, D }: DecodeInput): Prepared {
  const cache = (seed: number): tf.Tensor4D => {
    const x = tf.tensor4d(noise(S * K * D, seed), [1, S, K, D])
    if (form === 'flash') return x
    const transposed = tf.transpose(x, [0, 2, 1, 3])
    x.dispose()
    return transposed
  }
  const query = tf.tensor4d(noise(H * D, 0, 4), [1, 1, H, D])
  const [key, value] = [cache(1), cache(2)]
  const attend = (): tf.Tensor => {
    if (form === 'flash') return flashAttention(query, key, value, { causal: true })
    const grouped: tf.Tensor4D = tf.reshape(query, [1, K, H / K, D])
    return tf.matMul(tf.softmax(tf.mul(tf.matMul(grouped, key, false, true), 1 / Math.sqrt(D))) as tf.Tensor4D, value)
  }
  const checks: number[] = []
  const run = () => {
    const began = performance.now()
    const out = tf.tidy(attend)
    const milliseconds = performance.now() - began
    if (checks.length === 0) checks.push(meanSize(out.dataSync()))
    out.dispose()
    return { '': milliseconds }
  }
  return { run, check: () => checks, dispose: () => tf.dispose([query, key, value]) }
}
