import * as tf from '@tensorflow/tfjs-core'
import { runKernel } from '../ops/kernels.ts'
import { type LayerCache, type Piece, segmentsOf } from './layer-cache.ts'

const block = 256 // tokens

/**
 * Keys and values [B, capacity, K, D] with room for those to come, which the kernel `FlashAttentionCached` writes in place. A full one grows
 * by a quarter; with a window, only what later tokens see moves on.
 */
export function preallocatedCache(numTokens: number): LayerCache {
  let room: Piece | undefined
  let length = 0
  let dropped = 0

  /** Makes room for T tokens more. */
  function reserve({ key, value }: Piece, window: number | undefined): void {
    const T = key.shape[1]
    if (room && length + T <= room.key.shape[1]) return
    const kept = Math.min(length, window === undefined ? length : window - 1)
    const capacity = Math.ceil(Math.max(kept + T + kept / 4, room ? 0 : numTokens + 1) / block) * block
    const old = room
    const move = (from: tf.Tensor4D | undefined, like: tf.Tensor4D) => {
      const [B, , K, D] = like.shape
      const rest = tf.zeros<tf.Rank.R4>([B, capacity - kept, K, D])
      return tf.keep(from && kept > 0 ? tf.concat([tf.slice(from, [0, length - kept, 0, 0], [B, kept, K, D]), rest], 1) : rest)
    }
    room = { key: move(old?.key, key), value: move(old?.value, value) }
    dropped += length - kept
    length = kept
    tf.dispose(old ?? [])
  }

  return {
    attend(query, added, keySegments, window) {
      reserve(added, window)
      const [, T, , D] = query.shape
      const { key: cachedKey, value: cachedValue } = room!
      const ids = keySegments && segmentsOf(query, keySegments(dropped, length + T))
      const segments = ids && { querySegmentIds: ids.query, keySegmentIds: ids.key }
      const attrs = { length, scale: 1 / Math.sqrt(D), window: window ?? 0 }
      const out = runKernel('FlashAttentionCached', { query, ...added, cachedKey, cachedValue, ...segments }, attrs)
      length += T
      return out as unknown as tf.Tensor4D
    },
    dispose: () => void tf.dispose(room ?? []),
  }
}
