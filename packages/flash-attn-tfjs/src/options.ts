import type * as tf from '@tensorflow/tfjs-core'
import { checkOptions, checkSegments, checkTensors } from './checks.ts'

/** Which keys a query sees, and how scores are scaled. */
export interface AttentionOptions {
  /** `true`: query `i` sees keys `j ≤ i + S − T` (aligned at the end, so a short query continues a long key cache). */
  readonly causal: boolean
  /** Multiplies every score; positive. Default `1/√D`. */
  readonly scale?: number | undefined
  /**
   * int32 ids of packed documents: a query sees only keys of its own id; id 0 is padding, sees nothing and is seen by nobody.
   * `[B, T]` for both sides when `T = S`, else `{ query: [B, T], key: [B, S] }`.
   */
  readonly segmentIds?: tf.Tensor | SegmentIds | undefined
  /** Sliding window: a query sees only keys with `|i + S − T − j| < window`. A whole number ≥ 1; default: no window. */
  readonly window?: number | undefined
  /** Scores become `softcap · tanh(score / softcap)` before masking (Gemma 2); positive. Default: no cap. */
  readonly softcap?: number | undefined
}

/** Segment ids of the two sides: `query` int32 `[B, T]`, `key` int32 `[B, S]`. */
export interface SegmentIds {
  readonly query: tf.Tensor
  readonly key: tf.Tensor
}

/**
 * What attention to some keys gave: `out` `[B, T, H, D]` and `logSumExp` `[B, H, T]`, the natural log of the sum of `exp(score)`
 * over the keys a row sees; −∞ (the log of an empty sum) for rows that see none. `mergeAttention` joins several of them.
 */
export type AttentionPart = [out: tf.Tensor4D, logSumExp: tf.Tensor3D]

/** A checked attention problem. Letters: B batch, T query time, S key time, H heads, K key/value heads, G = H/K, D head dim. */
export interface Problem {
  readonly B: number
  readonly T: number
  readonly S: number
  readonly H: number
  readonly K: number
  readonly G: number
  readonly D: number
  readonly causal: boolean
  readonly scale: number
  /** 0: no window. */
  readonly window: number
  /** 0: no cap. */
  readonly softcap: number
  readonly segments: SegmentIds | null
}

/** Inputs of the forward kernel, by name. */
export interface KernelInputs {
  readonly query: tf.Tensor
  readonly key: tf.Tensor
  readonly value: tf.Tensor
  readonly querySegmentIds?: tf.Tensor
  readonly keySegmentIds?: tf.Tensor
}

/** Inputs of the gradient kernel: those of the forward kernel, its outputs, and the gradients of these; without dLogSumExp that one is 0. */
export interface BackwardInputs extends KernelInputs {
  readonly out: tf.TensorInfo
  readonly logSumExp: tf.TensorInfo
  readonly dOut: tf.TensorInfo
  readonly dLogSumExp?: tf.TensorInfo
}

/** Checks tensors and options; throws a TypeError or RangeError that names the value, the rule and the remedy. */
export function checkProblem(name: string, query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, options: AttentionOptions): Problem {
  checkTensors(name, query, key, value)
  checkOptions(name, options)
  const { B, T, S, D, ...heads } = sizesOf(query, key)
  const { causal, scale = 1 / Math.sqrt(D), segmentIds, window = 0, softcap = 0 } = options
  const reaching = window < Math.max(T, S) ? window : 0 // a window over everything is none
  return { B, T, S, D, ...heads, causal, scale, window: reaching, softcap, segments: checkSegments(name, segmentIds, B, T, S) }
}

/** The problem a kernel was called with, from its (already checked) inputs and attributes. */
export function problemOf({ query, key, querySegmentIds, keySegmentIds }: KernelInputs, attrs: object | undefined): Problem {
  const segments = querySegmentIds && keySegmentIds ? { query: querySegmentIds, key: keySegmentIds } : null
  return { ...sizesOf(query, key), ...(attrs as Pick<Problem, 'causal' | 'scale' | 'window' | 'softcap'>), segments }
}

function sizesOf(query: tf.Tensor, key: tf.Tensor): Pick<Problem, 'B' | 'T' | 'S' | 'H' | 'K' | 'G' | 'D'> {
  const [B, T, H, D] = query.shape as [number, number, number, number]
  const [, S, K] = key.shape as [number, number, number]
  return { B, T, S, H, K, G: H / K, D }
}
