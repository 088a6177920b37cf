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

  /** Moves to a place with room for T tokens more. */
  function grow([B, T, K, D]: readonly [number, number, number, number], window: number | undefined): void {
    const kept = Math.min(length, window === undefined ? length : window - 1)
    const capacity = Math.ceil(Math.max(kept + T + kept / 4, room ? 0 : numTokens + 1) / block) * block
    const move = (from: tf.Tensor4D | undefined) =>
      tf.tidy(() => {
        const rest = tf.zeros<tf.Rank.R4>([B, capacity - kept, K, D])
        return tf.keep(from && kept > 0 ? tf.concat([tf.slice(from, [0, length - kept, 0, 0], [B, kept, K, D]), rest], 1) : rest)
      })
    const old = room
    room = { key: move(old?.key), value: move(old?.value) }
    dropped += length - kept
    length = kept
    tf.dispose(old ?? [])
  }

  const cache: LayerCache = {
    reserve(added, keySegments, window) {
      const [B, T] = added
      if (!room || length + T > room.key.shape[1]) grow(added, window)
      const ids = keySegments && segmentsOf(B, T, keySegments(dropped, length + T))
      const attrs = { length, window: window ?? 0 }
      length += T
      return {
        inputs: {
          ...{ cachedKey: room!.key, cachedValue: room!.value },
          ...(ids && { querySegmentIds: ids.query, keySegmentIds: ids.key }),
        },
        attrs,
      }
    },
    attend(query, added, keySegments, window) {
      const { inputs, attrs } = cache.reserve!(added.key.shape, keySegments, window)
      const scale = 1 / Math.sqrt(query.shape[3])
      return runKernel('FlashAttentionCached', { query, ...added, ...inputs }, { ...attrs, scale }) as unknown as tf.Tensor4D
    },
    dispose: () => void tf.dispose(room ?? []),
  }
  return cache
}
