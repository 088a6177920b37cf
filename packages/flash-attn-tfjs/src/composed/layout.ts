import * as tf from '@tensorflow/tfjs-core'
import type { Problem } from '../options.ts'

/** Queries or keys a tile is high or wide: large enough that an op's overhead is small, small enough that a tile is. */
export const BLOCK = 256

/** Start and size of each block of a sequence. */
export function blocks(length: number): readonly { readonly start: number; readonly size: number }[] {
  return Array.from({ length: Math.ceil(length / BLOCK) }, (_, i) => ({ start: i * BLOCK, size: Math.min(BLOCK, length - i * BLOCK) }))
}

/** `[B, N, heads, D]` → rows `[start, start + size)` as `[B, heads, size, D]`. */
export function takeRows(x: tf.Tensor, start: number, size: number): tf.Tensor {
  const [B, , heads, D] = x.shape as [number, number, number, number]
  return tf.tidy(() => tf.transpose(tf.slice(x, [0, start, 0, 0], [B, size, heads, D]), [0, 2, 1, 3]))
}

/** The same for queries, the `G` heads that share keys stacked: `[B, K, G · size, D]`; keys are never repeated. */
export function takeQueryRows({ B, K, G, D }: Problem, x: tf.Tensor, start: number, size: number): tf.Tensor {
  return tf.tidy(() => tf.reshape(takeRows(x, start, size), [B, K, G * size, D]))
}

/** Blocks `[B, K, G · size, D]` or `[B, K, size, D]`, in order, back to `[B, N, heads, D]`. Disposes the blocks. */
export function joinRows(B: number, heads: number, D: number, parts: tf.Tensor[]): tf.Tensor {
  const joined = tf.tidy(() => {
    const rows = parts.map((part) => tf.transpose(tf.reshape(part, [B, heads, -1, D]), [0, 2, 1, 3]))
    return rows.length === 1 ? (rows[0] as tf.Tensor) : tf.concat(rows, 1)
  })
  tf.dispose(parts)
  return joined
}
