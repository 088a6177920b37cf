import * as tf from '@tensorflow/tfjs-core'
import { type Tile, tileBias } from '../mask.ts'
import type { Problem } from '../options.ts'

/** How far scores are into the cap, `score / softcap`, and the slope of the cap there, `d tanh = 1 − ratio²`. */
export function capOf(scores: tf.Tensor, softcap: number): { readonly ratio: tf.Tensor; readonly slope: tf.Tensor } {
  // hidden scores have weight 0, their huge value must not become 0 · ∞
  const ratio = tf.div(tf.maximum(scores, -softcap), softcap)
  return { ratio, slope: tf.sub(1, tf.square(ratio)) }
}

/** Scaled, capped and masked scores of a tile, `[B, K, G · numQ, numK]`, from q `[B, K, G · numQ, D]` and k `[B, K, numK, D]`. */
export function tileScores(problem: Problem, q: tf.Tensor, k: tf.Tensor, tile: Tile): tf.Tensor {
  const { B, H, K, G, scale, softcap } = problem
  return tf.tidy(() => {
    const product = tf.mul(tf.matMul(q, k, false, true), softcap > 0 ? scale / softcap : scale)
    const scores = softcap > 0 ? tf.mul(tf.tanh(product), softcap) : product
    const bias = tileBias(problem, tile)
    if (bias === null) return scores
    const masked = tf.add(tf.reshape(scores, [B, H, tile.numQ, tile.numK]), bias)
    return tf.reshape(masked, [B, K, G * tile.numQ, tile.numK])
  })
}
