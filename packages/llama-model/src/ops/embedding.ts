import * as tf from '@tensorflow/tfjs-core'
import { type Op, runOp } from './kernels.ts'
import { sumById } from './sum-by-id.ts'

/** Rows of `weight` [V, C] by `ids` int32 [N] → [N, C]. `tf.gather` with a gradient for every backend. */
export const embedding = (weight: tf.Tensor, ids: tf.Tensor): tf.Tensor => runOp(op, { weight, ids }, { numTokens: weight.shape[0]! })

const op: Op = {
  name: 'LlamaEmbedding',
  saved: ['ids'],
  inner: true,
  forward: ({ weight, ids }) => [tf.gather(weight!, ids as tf.Tensor1D)],
  backward: ({ dy, saved: { ids }, attrs: { numTokens } }) => ({ weight: () => sumById(dy, ids as tf.Tensor1D, numTokens as number) }),
}
