import type * as tf from '@tensorflow/tfjs-core'
import type { KernelModule, WasmHeap } from 'wasm-heap-tfjs'
import { forwardKernel } from './forward.ts'

export interface CachedInputs {
  /** [B, T, H, D] */
  readonly query: tf.Tensor
  /** [B, T, K, D]: the newest keys and values. */
  readonly key: tf.Tensor
  readonly value: tf.Tensor
  /** [B, capacity, K, D]; rows from `length` on are written here, in place. */
  readonly cachedKey: tf.Tensor
  readonly cachedValue: tf.Tensor
  readonly querySegmentIds?: tf.Tensor
  /** [B, length + T] */
  readonly keySegmentIds?: tf.Tensor
}

interface Attrs {
  /** Rows of the cache that hold keys and values already. */
  readonly length: number
  readonly scale: number
  /** 0: none */
  readonly window: number
}

/**
 * Writes the newest keys and values behind the `length` of the cache, in place, and attends causally to all `length + T`: out [B, T, H, D].
 * Nothing of the cache is copied.
 * @throws RangeError where the cache has no room for them, or shapes do not fit
 */
export function cachedKernel(heap: WasmHeap, kernels: KernelModule, inputs: CachedInputs, attrs: Attrs): tf.TensorInfo {
  const { query, key, value, cachedKey, cachedValue, querySegmentIds, keySegmentIds } = inputs
  const { length, scale, window } = attrs
  const [B, T, K, D] = key.shape as [number, number, number, number]
  const [batch, capacity, ...rowShape] = cachedKey.shape as [number, number, number, number]
  const isSame = (a: readonly number[], b: readonly number[]) => a.length === b.length && a.every((size, axis) => size === b[axis])
  if (batch !== B || !isSame(rowShape, [K, D]) || !isSame(value.shape, key.shape) || !isSame(cachedValue.shape, cachedKey.shape)) {
    throw new RangeError(
      `FlashAttentionCached: key [${key.shape}], value [${value.shape}] and cache [${cachedKey.shape}], [${cachedValue.shape}] do not fit; they must be [B, T, K, D] and [B, capacity, K, D].`,
    )
  }
  if (!(length >= 0 && length + T <= capacity)) {
    throw new RangeError(
      `FlashAttentionCached: ${T} rows behind ${length} exceed the capacity ${capacity} of the cache; make a larger one.`,
    )
  }
  const floats = new Float32Array(heap.memory.buffer)
  const size = T * K * D
  for (const [from, to] of [
    [heap.address(key) / 4, heap.address(cachedKey) / 4],
    [heap.address(value) / 4, heap.address(cachedValue) / 4],
  ] as const)
    for (let b = 0; b < B; b++) floats.copyWithin(to + (b * capacity + length) * K * D, from + b * size, from + (b + 1) * size)
  const ids = querySegmentIds && keySegmentIds ? { querySegmentIds, keySegmentIds } : {}
  const cached = { query, key: cachedKey, value: cachedValue, ...ids }
  const [out, logSumExp] = forwardKernel(heap, kernels, cached, { causal: true, scale, window, softcap: 0 }, length + T)
  heap.dispose(logSumExp!)
  return out!
}
