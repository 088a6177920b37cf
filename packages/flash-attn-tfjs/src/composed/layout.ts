import * as tf from '@tensorflow/tfjs-core'
import type { Tile } from '../mask.ts'
import type { Problem } from '../options.ts'

/** Scores of a head in a tile, at most: enough that an op's overhead is small, few enough that a tile is. */
const TILE_AREA = 256 * 256
/** Scores of all heads in a tile, at most (16 MiB). */
const TILE_SCORES = 2 ** 22
/** Keys of a tile, at most: few queries take many keys at once, but no copy of a whole cache. */
const MAX_KEYS = 4096

/** A run of queries or of keys. */
export type Block = {
  readonly start: number
  readonly size: number
}

/** Query and key blocks whose products are the tiles: squares, or strips along the keys where there are few queries. */
export function tiling({ B, T, S, H }: Problem): { readonly queries: readonly Block[]; readonly keys: readonly Block[] } {
  const area = Math.min(TILE_AREA, TILE_SCORES / (B * H))
  const side = Math.max(16, Math.floor(Math.sqrt(area)))
  const numQ = Math.min(T, side)
  const numK = Math.min(MAX_KEYS, Math.max(side, Math.floor(area / numQ)))
  return { queries: blocks(T, numQ), keys: blocks(S, numK) }
}

function blocks(length: number, size: number): Block[] {
  return Array.from({ length: Math.ceil(length / size) }, (_, i) => ({ start: i * size, size: Math.min(size, length - i * size) }))
}

export function tileOf(queries: Block, keys: Block): Tile {
  return { q0: queries.start, numQ: queries.size, k0: keys.start, numK: keys.size }
}

/** `[B, N, heads, D]` → rows of a block as `[B, heads, size, D]`. */
export function takeRows(x: tf.Tensor, { start, size }: Block): tf.Tensor {
  const [B, , heads, D] = x.shape as [number, number, number, number]
  return tf.tidy(() => tf.transpose(tf.slice(x, [0, start, 0, 0], [B, size, heads, D]), [0, 2, 1, 3]))
}

/** The same for queries, the `G` heads that share keys stacked: `[B, K, G · size, D]`; keys are never repeated. */
export function takeQueryRows({ B, K, G, D }: Problem, x: tf.Tensor, block: Block): tf.Tensor {
  return tf.tidy(() => tf.reshape(takeRows(x, block), [B, K, G * block.size, D]))
}

/** `[B, H, T]` → `[B, K, G · size, 1]`, one number for each of those query rows. */
export function takeRowNumbers({ B, H, K, G }: Problem, x: tf.Tensor, { start, size }: Block): tf.Tensor {
  return tf.tidy(() => tf.reshape(tf.slice(x, [0, 0, start], [B, H, size]), [B, K, G * size, 1]))
}

/** Blocks `[B, K, G · size, D]` or `[B, K, size, D]`, in order, back to `[B, N, heads, D]`. Disposes the blocks. */
export function joinRows(B: number, heads: number, D: number, parts: tf.Tensor[]): tf.Tensor {
  const joined = tf.tidy(() => {
    const rows = parts.map((part) => tf.transpose(tf.reshape(part, [B, heads, -1, D]), [0, 2, 1, 3]))
    return rows.length === 1 ? rows[0]! : tf.concat(rows, 1)
  })
  tf.dispose(parts)
  return joined
}

/** Blocks `[B, K, G · size, 1]`, in order, back to `[B, H, T]`. Disposes the blocks. */
export function joinRowNumbers({ B, H }: Problem, parts: tf.Tensor[]): tf.Tensor {
  const joined = tf.tidy(() => {
    const rows = parts.map((part) => tf.reshape(part, [B, H, -1]))
    return rows.length === 1 ? rows[0]! : tf.concat(rows, 2)
  })
  tf.dispose(parts)
  return joined
}
