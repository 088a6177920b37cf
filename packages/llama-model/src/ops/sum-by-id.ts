import * as tf from '@tensorflow/tfjs-core'
import { chunks } from './chunks.ts'
import { hasKernel } from './kernels.ts'

/**
 * Sums of the rows of `x` [N, C] with the same id, ids int32 [N] → [numIds, C]: `UnsortedSegmentSum` where the backend has it (tfjs-wasm
 * ships without), else products with one-hot rows, in chunks.
 */
export function sumById(x_NC: tf.Tensor, ids_N: tf.Tensor1D, numIds: number): tf.Tensor {
  if (hasKernel('UnsortedSegmentSum')) return tf.unsortedSegmentSum(x_NC, ids_N, numIds)
  let sum: tf.Tensor = tf.zeros([numIds, x_NC.shape[1]!])
  for (const [first, rows] of chunks(ids_N.shape[0])) {
    const next = tf.tidy(() => {
      const oneHot = tf.cast(tf.oneHot(tf.slice(ids_N, first, rows), numIds), 'float32')
      return tf.add(sum, tf.matMul(oneHot, tf.slice(x_NC, [first, 0], [rows, -1]), true, false))
    })
    sum.dispose()
    sum = next
  }
  return sum
}
