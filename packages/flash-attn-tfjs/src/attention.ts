import * as tf from '@tensorflow/tfjs-core'
import { minusInfinityWhere } from './log-sum-exp.ts'
import { tileMask } from './mask.ts'
import { type AttentionOptions, type AttentionPart, checkProblem, type Problem } from './options.ts'

/** Added to hidden scores; finite, so that a row that sees nothing has no `∞ − ∞`. */
const HIDDEN = -1e30

/**
 * Attention as the textbook writes it, `softmax(scale · q kᵀ + mask) v`, by plain tfjs ops: the naive twin of `flashAttention`,
 * same signature and results, but memory grows with `T · S`. For small inputs, tests and comparisons.
 *
 * Shapes: query `[B, T, H, D]`, key and value `[B, S, K, D]`, float32, `H` a multiple of `K`; result `[B, T, H, D]`, with
 * `returnLogSumExp: true` the pair `[out, logSumExp]`, owned by the caller. Rows that see no key are 0, their log-sum-exp −∞.
 * First derivatives only: the softmax of tfjs has no right second ones. `flashAttention` has. And, as in the textbook, a hidden
 * key or value that is NaN or ∞ spoils rows that do not see it, by `0 · NaN`; in `flashAttention` it does not.
 * @throws TypeError, RangeError on wrong tensors or options, before any work.
 */
export function attention(
  query: tf.Tensor4D,
  key: tf.Tensor4D,
  value: tf.Tensor4D,
  options: AttentionOptions & { readonly returnLogSumExp: true },
): AttentionPart
export function attention(
  query: tf.Tensor4D,
  key: tf.Tensor4D,
  value: tf.Tensor4D,
  options: AttentionOptions & { readonly returnLogSumExp?: false | undefined },
): tf.Tensor4D
export function attention(
  query: tf.Tensor4D,
  key: tf.Tensor4D,
  value: tf.Tensor4D,
  options: AttentionOptions & { readonly returnLogSumExp?: boolean | undefined },
): tf.Tensor4D | AttentionPart {
  const problem = checkProblem('attention', query, key, value, options)
  return tf.tidy(() => attend(problem, query, key, value, options.returnLogSumExp === true))
}

function attend(problem: Problem, query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, withLogSumExp: boolean): tf.Tensor4D | AttentionPart {
  const { B, T, S, H, K, G, D, scale, softcap } = problem
  const q_BKND = tf.reshape(tf.transpose(query, [0, 2, 1, 3]), [B, K, G * T, D])
  const k_BKSD = tf.transpose(key, [0, 2, 1, 3])
  const v_BKSD = tf.transpose(value, [0, 2, 1, 3])
  let scores_BHTS = tf.mul(tf.reshape(tf.matMul(q_BKND, k_BKSD, false, true), [B, H, T, S]), scale)
  if (softcap > 0) scores_BHTS = tf.mul(tf.tanh(tf.div(scores_BHTS, softcap)), softcap)
  const visible = tileMask(problem, { q0: 0, numQ: T, k0: 0, numK: S })
  const visible_BHTS = visible === null ? null : tf.cast(visible, 'float32')
  if (visible_BHTS !== null) scores_BHTS = tf.add(scores_BHTS, tf.mul(tf.sub(1, visible_BHTS), HIDDEN))
  let weights_BHTS = tf.softmax(scores_BHTS)
  const rowsMayBeEmpty = problem.segments !== null || T > S
  const seesAKey = visible_BHTS !== null && rowsMayBeEmpty ? tf.max(visible_BHTS, -1, true) : null
  if (seesAKey !== null) weights_BHTS = tf.mul(weights_BHTS, seesAKey)
  const out_BHTD: tf.Tensor4D = tf.reshape(tf.matMul(tf.reshape(weights_BHTS, [B, K, G * T, S]), v_BKSD), [B, H, T, D])
  const out_BTHD: tf.Tensor4D = tf.transpose(out_BHTD, [0, 2, 1, 3])
  if (!withLogSumExp) return out_BTHD
  const logSumExp: tf.Tensor3D = tf.logSumExp(scores_BHTS, -1)
  if (seesAKey === null) return [out_BTHD, logSumExp]
  return [out_BTHD, minusInfinityWhere((x) => tf.less(x, HIDDEN / 2), logSumExp)]
}
