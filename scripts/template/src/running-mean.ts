import * as tf from '@tensorflow/tfjs-core'

/**
 * Mean of all rows so far, `y_t = (x_1 + … + x_t) / t`: x float32 `[T, C]`, result `[T, C]`.
 * The caller disposes it. Throws a RangeError for an x that is not of rank 2.
 */
export function runningMean(x: tf.Tensor2D): tf.Tensor2D {
  if (x.rank !== 2) throw new RangeError(`runningMean: x has shape [${x.shape}]; it must be [T, C]. Reshape a vector to [T, 1].`)
  return tf.tidy(() => {
    const counts = tf.reshape(tf.range(1, x.shape[0] + 1), [-1, 1])
    return tf.div(tf.cumsum(x, 0), counts)
  })
}
