import * as tf from '@tensorflow/tfjs-core'
import { type Tile, tileMask } from '../mask.ts'
import type { Problem } from '../options.ts'

/** How far scores are into the cap, `score / softcap`, and the slope of the cap there, `d tanh = 1 − ratio²`. */
export function capOf(scores: tf.Tensor, softcap: number): { readonly ratio: tf.Tensor; readonly slope: tf.Tensor } {
  const ratio = tf.div(scores, softcap)
  return { ratio, slope: tf.sub(1, tf.square(ratio)) }
}

/** Pairs of a tile that see each other, bool `[B, K, G · numQ, numK]`; null where all do. */
export type Visible = tf.Tensor | null

export function tileVisible(problem: Problem, tile: Tile): Visible {
  const { B, H, K, G } = problem
  const mask = tileMask(problem, tile)
  if (mask === null) return null
  const ofHeads = tf.tidy(() => tf.reshape(tf.broadcastTo(mask, [B, H, tile.numQ, tile.numK]), [B, K, G * tile.numQ, tile.numK]))
  mask.dispose()
  return ofHeads
}

/** `x` of a tile, and `otherwise` where the pair is hidden, whatever `x` is there. */
export function whereVisible(visible: Visible, x: tf.Tensor, otherwise = 0): tf.Tensor {
  return visible === null ? x : tf.where(visible, x, tf.fill(x.shape, otherwise))
}

/** Scaled and capped scores of a tile, `[B, K, G · numQ, numK]`, from q `[B, K, G · numQ, D]` and k `[B, K, numK, D]`; −∞ where hidden. */
export function tileScores({ scale, softcap }: Problem, visible: Visible, q: tf.Tensor, k: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const product = tf.mul(tf.matMul(q, k, false, true), softcap > 0 ? scale / softcap : scale)
    return whereVisible(visible, softcap > 0 ? tf.mul(tf.tanh(product), softcap) : product, Number.NEGATIVE_INFINITY)
  })
}
