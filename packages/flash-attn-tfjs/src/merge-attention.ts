import * as tf from '@tensorflow/tfjs-core'
import { checkTensor } from './checks.ts'
import { constantOf, exp, minusInfinityWhere } from './log-sum-exp.ts'
import type { AttentionPart } from './options.ts'

/** Stands for the −∞ of rows that see no key: finite, so that no `∞ − ∞` arises. */
const EMPTY = -1e30

/**
 * Attention to all keys, from attention to disjoint sets of them (a cache in pieces, keys of other machines): with outputs `oᵢ` and
 * log-sum-exps `lᵢ`, `l = log Σ exp(lᵢ)` and `o = Σ exp(lᵢ − l) · oᵢ`.
 *
 * Takes what `flashAttention(…, { returnLogSumExp: true })` returns, out `[B, T, H, D]` and logSumExp `[B, H, T]`, and returns the
 * same, owned by the caller, so that results merge again in any order. Parts of −∞ weigh 0; a row that is empty everywhere stays 0
 * and −∞. Differentiable any number of times in every out and logSumExp.
 * @throws TypeError, RangeError on an empty list, or tensors whose dtypes or shapes do not fit, before any work.
 * @see Rabe & Staats 2021, https://arxiv.org/abs/2112.05682, §2
 */
export function mergeAttention(parts: readonly AttentionPart[]): AttentionPart {
  checkParts(parts)
  return tf.tidy((): AttentionPart => {
    const logs = tf.stack(parts.map(([, logSumExp]) => logSumExp)) // [number of parts, B, H, T]
    const shift = constantOf((x) => tf.maximum(tf.max(x, 0), EMPTY), logs) // finite in empty rows too, where all weights are 0
    const weights = exp(tf.sub(logs, shift))
    const emptyAsOne = constantOf((x) => tf.cast(tf.less(tf.max(x, 0), EMPTY), 'float32'), logs)
    const sum = tf.add(tf.sum(weights, 0), emptyAsOne)
    const fractions_BTH1 = tf.unstack(tf.div(weights, sum)).map((x) => tf.expandDims(tf.transpose(x, [0, 2, 1]), 3))
    const out = parts.map(([out], i): tf.Tensor4D => tf.mul(out, fractions_BTH1[i]!)).reduce((x, y) => tf.add(x, y))
    const logSumExp = minusInfinityWhere((x) => tf.less(x, EMPTY / 2), tf.add(shift, tf.log(sum)))
    return [out, logSumExp]
  })
}

function checkParts(parts: readonly AttentionPart[]): void {
  if (!Array.isArray(parts) || parts.length === 0 || !parts.every((part) => Array.isArray(part))) {
    throw new TypeError(
      `mergeAttention: parts is ${Array.isArray(parts) ? `[${parts}]` : String(parts)}; pass at least one [out, logSumExp].`,
    )
  }
  const shape = parts[0]![0]?.shape
  for (const [i, [out, logSumExp]] of parts.entries()) {
    checkTensor('mergeAttention', `out of part ${i}`, out, ['batch', 'time', 'heads', 'headDim'])
    checkTensor('mergeAttention', `logSumExp of part ${i}`, logSumExp, ['batch', 'heads', 'time'])
    const [B, T, H] = out.shape
    if (String(logSumExp.shape) !== String([B, H, T]) || String(out.shape) !== String(shape)) {
      throw new RangeError(
        `mergeAttention: out of part ${i} is [${out.shape}] and its logSumExp [${logSumExp.shape}]; part 0 is [${shape}]. ` +
          'All parts must belong to the same queries: out [B, T, H, D] and logSumExp [B, H, T].',
      )
    }
  }
}
