import * as tf from '@tensorflow/tfjs-core'
import { runFlashAttention } from './kernel.ts'
import { type AttentionOptions, checkProblem } from './options.ts'

/**
 * Exact attention, `softmax(scale · q kᵀ + mask) v`, in memory linear in length: scores exist one tile at a time, and the
 * gradient computes them again from the saved log-sum-exp (Dao et al. 2022, https://arxiv.org/abs/2205.14135).
 *
 * Shapes: query `[B, T, H, D]`, key and value `[B, S, K, D]`, float32; `H` is a multiple of `K`, query head `h` reads key head
 * `⌊h·K/H⌋` (grouped queries; keys are never repeated). Result `[B, T, H, D]`, owned by the caller.
 * Rows that see no key (padding) are 0 and pass no gradient. First derivatives only.
 * Runs on the kernels registered for the current backend (`flash-attn-tfjs/wasm`), else on composed tfjs ops.
 * @throws TypeError, RangeError on wrong dtypes, shapes or options, before any work.
 */
export function flashAttention(query: tf.Tensor4D, key: tf.Tensor4D, value: tf.Tensor4D, options: AttentionOptions): tf.Tensor4D {
  const problem = checkProblem('flashAttention', query, key, value, options)
  return tf.tidy(() => runFlashAttention(problem, query, key, value)[0] as tf.Tensor4D)
}
