import type * as tf from '@tensorflow/tfjs-core'
import type { AttentionOptions, SegmentIds } from './options.ts'

const OPTIONS: readonly string[] = ['causal', 'scale', 'segmentIds', 'window', 'softcap', 'returnLogSumExp']

/** Throws unless query is `[B, T, H, D]`, key and value are `[B, S, K, D]`, float32, alive, and `H` is a multiple of `K`. */
export function checkTensors(name: string, query: tf.Tensor, key: tf.Tensor, value: tf.Tensor): void {
  checkTensor(name, 'query', query, ['batch', 'time', 'heads', 'headDim'])
  checkTensor(name, 'key', key, ['batch', 'time', 'heads', 'headDim'])
  checkTensor(name, 'value', value, ['batch', 'time', 'heads', 'headDim'])
  const [B, , H, D] = query.shape as [number, number, number, number]
  const [keyBatch, , K, keyDim] = key.shape as [number, number, number, number]
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
}

/** Throws unless `tensor` is a float32 tensor of as many axes as named, alive and not empty. */
export function checkTensor(name: string, role: string, tensor: tf.Tensor, axes: readonly string[]): void {
  if (tensor?.shape?.length !== axes.length || tensor.dataId === undefined) {
    throw new TypeError(`${name}: ${role} ${described(tensor)}; pass a tensor [${axes.join(', ')}].`)
  }
  if (tensor.dtype !== 'float32') {
    throw new TypeError(`${name}: ${role} is ${tensor.dtype}; attention needs float32. Convert with tf.cast(${role}, 'float32').`)
  }
  checkAlive(name, role, tensor)
  if (tensor.size === 0) throw new RangeError(`${name}: ${role} is empty, shape [${tensor.shape}]; every dimension must be at least 1.`)
}

/** Throws unless every option is known and in its range; ids are looked at by `checkSegments`. */
export function checkOptions(name: string, options: AttentionOptions): void {
  const { causal, scale, window, softcap, ...more }: Partial<AttentionOptions & { returnLogSumExp: boolean }> = options ?? {}
  if (typeof causal !== 'boolean') {
    throw new TypeError(`${name}: causal is ${String(causal)}; pass { causal: true } for a language model or { causal: false }.`)
  }
  const unknown = Object.keys(more).find((key) => !OPTIONS.includes(key))
  if (unknown !== undefined) throw new TypeError(`${name}: there is no option ${unknown}; there are ${OPTIONS.join(', ')}.`)
  checkPositive(name, 'scale', scale)
  checkPositive(name, 'softcap', softcap)
  if (window !== undefined && !(Number.isInteger(window) && window >= 1)) {
    throw new RangeError(`${name}: window is ${window}; it counts visible positions, so pass a whole number ≥ 1, or leave it out.`)
  }
  if (more.returnLogSumExp !== undefined && typeof more.returnLogSumExp !== 'boolean') {
    throw new TypeError(`${name}: returnLogSumExp is ${String(more.returnLogSumExp)}; pass true for [out, logSumExp], or leave it out.`)
  }
}

/** Ids of both sides, checked, or null where there are none. */
export function checkSegments(name: string, ids: AttentionOptions['segmentIds'], B: number, T: number, S: number): SegmentIds | null {
  if (ids === undefined) return null
  const segments = typeof ids === 'object' && ids !== null && 'query' in ids ? ids : { query: ids, key: ids }
  for (const [side, length] of [['query', T] as const, ['key', S] as const]) {
    const tensor = segments[side]
    if (tensor?.shape === undefined || tensor.dataId === undefined) {
      throw new TypeError(`${name}: segmentIds (${side}) ${described(tensor)}; make them with tf.tensor2d(ids, [B, T], 'int32').`)
    }
    if (tensor.dtype !== 'int32') {
      throw new TypeError(
        `${name}: segmentIds (${side}) is ${tensor.dtype}; ids are int32. Make them with tf.tensor2d(ids, [B, T], 'int32').`,
      )
    }
    checkAlive(name, `segmentIds (${side})`, tensor)
    if (segments.query === segments.key && T !== S) {
      throw new RangeError(
        `${name}: segmentIds is one tensor, but there are ${T} queries and ${S} keys; pass { query: [${B}, ${T}], key: [${B}, ${S}] }.`,
      )
    }
    if (tensor.shape.length !== 2 || tensor.shape[0] !== B || tensor.shape[1] !== length) {
      throw new RangeError(
        `${name}: segmentIds (${side}) has shape [${tensor.shape}]; it needs one id for each position, [${B}, ${length}].`,
      )
    }
  }
  return segments
}

function checkAlive(name: string, role: string, tensor: tf.Tensor): void {
  if (tensor.isDisposed)
    throw new TypeError(`${name}: ${role} [${tensor.shape}] is disposed; keep it with tf.keep() until attention has run.`)
}

function checkPositive(name: string, option: string, value: number | undefined): void {
  if (value !== undefined && !(Number.isFinite(value) && value > 0)) {
    throw new RangeError(`${name}: ${option} is ${value}; it must be a positive finite number. Leave it out for the default.`)
  }
}

function described(value: tf.Tensor | undefined): string {
  return value?.shape ? `has shape [${value.shape}]` : `is ${Array.isArray(value) ? 'an array' : String(value)}`
}
