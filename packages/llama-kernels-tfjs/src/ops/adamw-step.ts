import * as tf from '@tensorflow/tfjs-core'
import { checkTensors } from './checks.ts'
import { hasKernel, runKernel } from './run-kernel.ts'

export interface AdamwTensors {
  readonly param: tf.Tensor
  readonly grad: tf.Tensor
  readonly moment1: tf.Tensor
  readonly moment2: tf.Tensor
}

export interface AdamwOptions {
  readonly learningRate: number
  /** Number of this update, from 1. */
  readonly step: number
  readonly beta1?: number
  readonly beta2?: number
  readonly epsilon?: number
  readonly weightDecay?: number
  /** Multiplies the gradient: clipping, or the mean over micro-batches. */
  readonly gradientScale?: number
}

/**
 * One update of AdamW (Loshchilov & Hutter 2019, algorithm 2) in PyTorch's form, for one parameter tensor:
 *
 * `g = gradientScale·grad`, `m' = β₁m + (1 − β₁)g`, `v' = β₂v + (1 − β₂)g²`,
 * `param' = param·(1 − lr·decay) − lr·m̂ / (√v̂ + ε)` with `m̂ = m'/(1 − β₁^step)`, `v̂ = v'/(1 − β₂^step)`.
 *
 * @param tensors float32, all of one shape; not changed and not disposed
 * @returns three fresh tensors; the caller disposes them, and the old ones
 * @throws TypeError or RangeError when shapes differ, step is not a positive integer, or a tensor is disposed or not float32
 */
export function adamwStep(
  { param, grad, moment1, moment2 }: AdamwTensors,
  { learningRate, step, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weightDecay = 0.1, gradientScale = 1 }: AdamwOptions,
): { param: tf.Tensor; moment1: tf.Tensor; moment2: tf.Tensor } {
  checkTensors('adamwStep', { param, grad, moment1, moment2 })
  for (const [name, tensor] of Object.entries({ grad, moment1, moment2 })) {
    if (tensor.shape.join() !== param.shape.join()) {
      throw new RangeError(`adamwStep: ${name} has shape [${tensor.shape}]; it must be that of param, [${param.shape}].`)
    }
  }
  if (!Number.isInteger(step) || step < 1)
    throw new RangeError(`adamwStep: step is ${step}; it must be a positive integer, 1 for the first.`)
  if (hasKernel('AdamWStep')) {
    const attrs = { learningRate, beta1, beta2, epsilon, weightDecay, step, gradientScale }
    const [p, m, v] = runKernel('AdamWStep', { param, grad, moment1, moment2 }, attrs) as [tf.Tensor, tf.Tensor, tf.Tensor]
    return { param: p, moment1: m, moment2: v }
  }
  return tf.tidy(() => {
    const g = tf.mul(grad, gradientScale)
    const m = tf.add(tf.mul(moment1, beta1), tf.mul(g, 1 - beta1))
    const v = tf.add(tf.mul(moment2, beta2), tf.mul(tf.square(g), 1 - beta2))
    const denominator = tf.add(tf.sqrt(tf.div(v, 1 - beta2 ** step)), epsilon)
    const update = tf.mul(tf.div(m, denominator), learningRate / (1 - beta1 ** step))
    return { param: tf.sub(tf.mul(param, 1 - learningRate * weightDecay), update), moment1: m, moment2: v }
  })
}
