import * as tf from '@tensorflow/tfjs-core'
import { HIDDEN, tileBias } from './mask.ts'
import { type AttentionOptions, checkProblem } from './options.ts'

/**
 * Attention as the textbook writes it, `softmax(scale · q kᵀ + mask) v`, by plain tfjs ops: the naive twin of `flashAttention`,
 * same signature and results, but memory grows with `T · S`. For small inputs, tests and comparisons.
 *
 * Shapes: query `[B, T, H, D]`, key and value `[B, S, K, D]`, float32, `H` a multiple of `K`; result `[B, T, H, D]`, owned by the caller.
 * Rows that see no key are 0. Differentiable any number of times.
 * @throws TypeError, RangeError on wrong dtypes, shapes or options, before any work.
 */
export function attention(query: tf.Tensor4D, key: tf.Tensor4D, value: tf.Tensor4D, options: AttentionOptions): tf.Tensor4D {
  const problem = checkProblem('attention', query, key, value, options)
  const { B, T, S, H, K, G, D, scale, softcap } = problem
  return tf.tidy((): tf.Tensor4D => {
    const q_BKND = tf.reshape(tf.transpose(query, [0, 2, 1, 3]), [B, K, G * T, D])
    const k_BKSD = tf.transpose(key, [0, 2, 1, 3])
    const v_BKSD = tf.transpose(value, [0, 2, 1, 3])
    let scores_BHTS = tf.mul(tf.reshape(tf.matMul(q_BKND, k_BKSD, false, true), [B, H, T, S]), scale)
    if (softcap > 0) scores_BHTS = tf.mul(tf.tanh(tf.div(scores_BHTS, softcap)), softcap)
    const bias = tileBias(problem, { q0: 0, numQ: T, k0: 0, numK: S })
    let weights_BHTS = tf.softmax(bias === null ? scores_BHTS : tf.add(scores_BHTS, bias))
    if (bias !== null && (problem.segments !== null || T > S)) {
      const seesAKey = tf.cast(tf.greater(tf.max(bias, -1, true), HIDDEN / 2), 'float32')
      weights_BHTS = tf.mul(weights_BHTS, seesAKey)
    }
    const out_BHTD: tf.Tensor4D = tf.reshape(tf.matMul(tf.reshape(weights_BHTS, [B, K, G * T, S]), v_BKSD), [B, H, T, D])
    const out_BTHD: tf.Tensor4D = tf.transpose(out_BHTD, [0, 2, 1, 3])
    return out_BTHD
  })
}
