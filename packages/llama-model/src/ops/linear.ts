import * as tf from '@tensorflow/tfjs-core'
import { type Op, runOp } from './kernels.ts'

/** `x·weightᵀ`, x [N, in], weight [out, in], as a tensor of `shape`. Keeps x and weight for the gradient and nothing else. */
export const linear = <R extends tf.Rank>(x: tf.Tensor, weight: tf.Tensor, shape: tf.ShapeMap[R]): tf.Tensor<R> =>
  runOp(linearOp, { x, weight }, { shape }) as tf.Tensor<R>

/** `residual + x·weightᵀ`, residual [N, out], x of any shape with N·in elements. Keeps x and weight for the gradient. */
export const addLinear = (residual: tf.Tensor, x: tf.Tensor, weight: tf.Tensor): tf.Tensor => runOp(addLinearOp, { residual, x, weight })

const linearOp: Op = {
  name: 'LlamaLinear',
  saved: ['x', 'weight'],
  inner: true,
  forward: ({ x, weight }, { shape }) => [tf.reshape(tf.matMul(x!, weight!, false, true), shape as number[])],
  backward: ({ dy, saved: { x, weight } }) => gradients(rows(dy, weight!.shape[0]!), x!, weight!),
}

const addLinearOp: Op = {
  name: 'LlamaAddLinear',
  saved: ['x', 'weight'],
  inner: true,
  forward: ({ residual, x, weight }) => [tf.add(residual!, tf.matMul(rows(x!, weight!.shape[1]!), weight!, false, true))],
  backward: ({ dy, saved: { x, weight } }) => ({ residual: () => tf.reshape(dy, dy.shape), ...gradients(dy, x!, weight!) }),
}

const rows = (x: tf.Tensor, columns: number): tf.Tensor => tf.reshape(x, [-1, columns])

const gradients = (dy: tf.Tensor, x: tf.Tensor, weight: tf.Tensor) => ({
  x: () => tf.reshape(tf.matMul(dy, weight), x.shape),
  weight: () => tf.matMul(dy, rows(x, weight.shape[1]!), true, false),
})
