import * as tf from '@tensorflow/tfjs-core'
import { runFlashAttention } from './kernel.ts'
import { minusInfinityWhere } from './log-sum-exp.ts'
import { type AttentionOptions, type AttentionPart, checkProblem } from './options.ts'

/**
 * Exact attention, `softmax(scale · q kᵀ + mask) v`, in memory linear in length: scores exist one tile at a time, and the
 * gradient computes them again from the saved log-sum-exp (Dao et al. 2022, https://arxiv.org/abs/2205.14135).
 *
 * Shapes: query `[B, T, H, D]`, key and value `[B, S, K, D]`, float32; `H` is a multiple of `K`, query head `h` reads key head
 * `⌊h·K/H⌋` (grouped queries; keys are never repeated). Result `[B, T, H, D]`, owned by the caller; with `returnLogSumExp: true`
 * the pair `[out, logSumExp]`, logSumExp `[B, H, T]` the natural log of each row's sum of `exp(score)`.
 * Rows that see no key (padding) are 0, their log-sum-exp is −∞, and they pass no gradient.
 *
 * Differentiable twice in both outputs; second derivatives are composed of tfjs ops, in linear memory too, and third ones throw.
 * Runs on the kernels registered for the current backend (`flash-attn-tfjs/wasm`, `/webgpu`, `/node`), else on composed tfjs ops.
 * @throws TypeError, RangeError on wrong tensors or options, before any work.
 */
export function flashAttention(
  query: tf.Tensor4D,
  key: tf.Tensor4D,
  value: tf.Tensor4D,
  options: AttentionOptions & { readonly returnLogSumExp: true },
): AttentionPart
export function flashAttention(
  query: tf.Tensor4D,
  key: tf.Tensor4D,
  value: tf.Tensor4D,
  options: AttentionOptions & { readonly returnLogSumExp?: false | undefined },
): tf.Tensor4D
export function flashAttention(
  query: tf.Tensor4D,
  key: tf.Tensor4D,
  value: tf.Tensor4D,
  options: AttentionOptions & { readonly returnLogSumExp?: boolean | undefined },
): tf.Tensor4D | AttentionPart {
  const problem = checkProblem('flashAttention', query, key, value, options)
  return tf.tidy((): tf.Tensor4D | AttentionPart => {
    const [out, logSumExp] = runFlashAttention(problem, query, key, value, options.returnLogSumExp === true)
    // kernels give empty rows +∞, for which exp(score − logSumExp) is 0 without a question
    return options.returnLogSumExp ? [out, minusInfinityWhere((x) => tf.greater(x, 3e38), logSumExp)] : out
  })
}
