import * as tf from '@tensorflow/tfjs-core'
import { chunks } from './chunks.ts'
import { hasKernel, type Op, runOp } from './kernels.ts'

/**
 * Rows of `weight` [V, C] by `ids` int32 [N] → [N, C]. `tf.gather` with a gradient for every backend: the sum of rows by id where there
 * is `UnsortedSegmentSum` (tfjs-wasm ships without it), else products with one-hot rows, in chunks.
 */
export const embedding = (weight: tf.Tensor, ids: tf.Tensor): tf.Tensor => runOp(op, { weight, ids }, { numTokens: weight.shape[0]! })

const op: Op = {
  name: 'LlamaEmbedding',
  saved: ['ids'],
  inner: true,
  forward: ({ weight, ids }) => [tf.gather(weight!, ids as tf.Tensor1D)],
  backward: ({ dy, saved: { ids }, attrs: { numTokens } }) => ({ weight: () => sumById(dy, ids as tf.Tensor1D, numTokens as number) }),
}

function sumById(dy_NC: tf.Tensor, ids_N: tf.Tensor1D, numTokens: number): tf.Tensor {
  if (hasKernel('UnsortedSegmentSum')) return tf.unsortedSegmentSum(dy_NC, ids_N, numTokens)
  let sum: tf.Tensor = tf.zeros([numTokens, dy_NC.shape[1]!])
  for (const [first, rows] of chunks(ids_N.shape[0])) {
    const next = tf.tidy(() => {
      const oneHot = tf.cast(tf.oneHot(tf.slice(ids_N, first, rows), numTokens), 'float32')
      return tf.add(sum, tf.matMul(oneHot, tf.slice(dy_NC, [first, 0], [rows, -1]), true, false))
    })
    sum.dispose()
    sum = next
  }
  return sum
}
