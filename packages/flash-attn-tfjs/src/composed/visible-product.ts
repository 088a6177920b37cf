import * as tf from '@tensorflow/tfjs-core'
import type { Visible } from './scores.ts'
import { canReadAtOnce } from './visible-tiles.ts'

/** `weights · x` of a tile, or `weightsᵀ · x`, over the pairs that see each other; hidden weights are 0. */
export type VisibleProduct = (visible: Visible, weights: tf.Tensor, x: tf.Tensor, transposed?: boolean) => tf.Tensor

/**
 * The product for tiles of these tensors. A hidden NaN or ∞ adds nothing, where a matrix product would add `0 · NaN`; that takes two
 * more products, so it is left out where all numbers are finite, if reading that waits for no device.
 */
export function visibleProduct(tensors: readonly tf.Tensor[]): VisibleProduct {
  const finite = canReadAtOnce() && tensors.every(allFinite)
  return (visible, weights, x, transposed = false) =>
    finite || visible === null ? tf.matMul(weights, x, transposed, false) : selectedProduct(visible, weights, x, transposed)
}

function allFinite(x: tf.Tensor): boolean {
  return tf.tidy(() => tf.all(tf.isFinite(x)).dataSync()[0] === 1)
}

/** Sums finite terms as a product; of the others only the visible ones count, and their sum is ∞, −∞, or NaN if they differ. */
function selectedProduct(visible: tf.Tensor, weights: tf.Tensor, x: tf.Tensor, transposed: boolean): tf.Tensor {
  return tf.tidy(() => {
    const finite = tf.isFinite(x)
    const sum = tf.matMul(weights, tf.where(finite, x, tf.zerosLike(x)), transposed, false)
    const numTerms = tf.matMul(tf.cast(visible, 'float32'), tf.cast(tf.logicalNot(finite), 'float32'), transposed, false)
    // the sign of an infinite term; 0 for 0 · ∞ and for NaN
    const infinite = tf.where(tf.isInf(x), signOf(x), tf.zerosLike(x))
    const signs = tf.matMul(signOf(weights), infinite, transposed, false)
    const nan = tf.fill(sum.shape, Number.NaN)
    const ofTerms = tf.where(tf.equal(tf.abs(signs), numTerms), tf.mul(signs, tf.fill(sum.shape, Number.POSITIVE_INFINITY)), nan)
    return tf.add(sum, tf.where(tf.greater(numTerms, 0), ofTerms, tf.zerosLike(sum)))
  })
}

function signOf(x: tf.Tensor): tf.Tensor {
  return tf.sub(tf.cast(tf.greater(x, 0), 'float32'), tf.cast(tf.less(x, 0), 'float32'))
}
