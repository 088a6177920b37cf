import type * as tf from '@tensorflow/tfjs-core'

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

/** Checks shapes, dtypes and options; throws a TypeError or RangeError that names the value, the rule and the remedy. */
export function checkProblem(name: string, query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, options: AttentionOptions): Problem {
  checkTensors(name, { query, key, value })
  const [B, T, H, D] = query.shape as [number, number, number, number]
  const [keyBatch, S, K, keyDim] = key.shape as [number, number, number, number]
  if (String(key.shape) !== String(value.shape)) {
    throw new RangeError(`${name}: key is [${key.shape}] and value is [${value.shape}]; both must have the same shape [B, S, K, D].`)
  }
  if (keyBatch !== B || keyDim !== D) {
    throw new RangeError(
      `${name}: query is [${query.shape}] and key is [${key.shape}]; batch (first) and head dim (last) must agree. Layout is [batch, time, heads, headDim].`,
    )
  }
  if (H % K !== 0) {
    throw new RangeError(
      `${name}: query has ${H} heads and key has ${K}; the first must be a multiple of the second. For multi-head attention pass key and value with ${H} heads.`,
    )
  }
  const { causal, scale = 1 / Math.sqrt(D), segmentIds, window, softcap } = options ?? {}
  if (typeof causal !== 'boolean') {
    throw new TypeError(`${name}: causal is ${String(causal)}; pass { causal: true } for a language model or { causal: false }.`)
  }
  checkPositive(name, 'scale', scale)
  if (softcap !== undefined) checkPositive(name, 'softcap', softcap)
  if (window !== undefined && !(Number.isInteger(window) && window >= 1)) {
    throw new RangeError(`${name}: window is ${window}; it counts visible positions, so pass a whole number ≥ 1, or leave it out.`)
  }
  const segments = checkSegments(name, segmentIds, B, T, S)
  return { B, T, S, H, K, G: H / K, D, causal, scale, window: window ?? 0, softcap: softcap ?? 0, segments }
}

/** The problem a kernel was called with, from its (already checked) inputs and attributes. */
export function problemOf(inputs: KernelInputs, attrs: object | undefined): Problem {
  const [B, T, H, D] = inputs.query.shape as [number, number, number, number]
  const [, S, K] = inputs.key.shape as [number, number, number]
  const { querySegmentIds, keySegmentIds } = inputs
  const segments = querySegmentIds && keySegmentIds ? { query: querySegmentIds, key: keySegmentIds } : null
  return { B, T, S, H, K, G: H / K, D, ...(attrs as Pick<Problem, 'causal' | 'scale' | 'window' | 'softcap'>), segments }
}

/** Inputs of the forward kernel, by name. */
export interface KernelInputs {
  readonly query: tf.Tensor
  readonly key: tf.Tensor
  readonly value: tf.Tensor
  readonly querySegmentIds?: tf.Tensor
  readonly keySegmentIds?: tf.Tensor
}

function checkTensors(name: string, tensors: Record<string, tf.Tensor>): void {
  for (const [role, tensor] of Object.entries(tensors)) {
    if (tensor?.shape === undefined || tensor.rank !== 4) {
      throw new TypeError(
        `${name}: ${role} ${tensor?.shape ? `has shape [${tensor.shape}]` : `is ${String(tensor)}`}; pass a tensor [batch, time, heads, headDim].`,
      )
    }
    if (tensor.dtype !== 'float32') {
      throw new TypeError(`${name}: ${role} is ${tensor.dtype}; attention needs float32. Convert with tf.cast(${role}, 'float32').`)
    }
    if (tensor.size === 0) throw new RangeError(`${name}: ${role} is empty, shape [${tensor.shape}]; every dimension must be at least 1.`)
  }
}

function checkPositive(name: string, option: string, value: number): void {
  if (!(Number.isFinite(value) && value > 0)) {
    throw new RangeError(`${name}: ${option} is ${value}; it must be a positive finite number. Leave it out for the default.`)
  }
}

function checkSegments(name: string, ids: AttentionOptions['segmentIds'], B: number, T: number, S: number): SegmentIds | null {
  if (ids === undefined) return null
  if (!('query' in ids) && T !== S) {
    throw new RangeError(
      `${name}: segmentIds is one tensor, but there are ${T} queries and ${S} keys; pass { query: [${B}, ${T}], key: [${B}, ${S}] }.`,
    )
  }
  const segments = 'query' in ids ? ids : { query: ids, key: ids }
  for (const [side, length] of [['query', T] as const, ['key', S] as const]) {
    const { shape, dtype } = segments[side]
    if (dtype !== 'int32') {
      throw new TypeError(`${name}: segmentIds (${side}) is ${dtype}; ids are int32. Make them with tf.tensor2d(ids, [B, T], 'int32').`)
    }
    if (shape.length !== 2 || shape[0] !== B || shape[1] !== length) {
      throw new RangeError(`${name}: segmentIds (${side}) has shape [${shape}]; it needs one id for each position, [${B}, ${length}].`)
    }
  }
  return segments
}
