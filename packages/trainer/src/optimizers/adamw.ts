import * as tf from '@tensorflow/tfjs-core'
import type { Optimizer, OptimizerState, UpdateOptions } from '../types.ts'
import { checkAtLeastZero, checkGroups, describeGroups, groupOf, type ParameterGroup, vectorsAndNorms } from './groups.ts'

export interface AdamWOptions {
  /** Decay of the mean of gradients, in [0, 1). */
  readonly beta1?: number
  /** Decay of the mean of squared gradients, in [0, 1). */
  readonly beta2?: number
  /** Added to the root of the second moment, after bias correction; ≥ 0. */
  readonly epsilon?: number
  /** Decoupled weight decay per unit of learning rate; ≥ 0. */
  readonly weightDecay?: number
  /** The first that matches decides. Default: vectors and norms do not decay, matrices and embeddings do. */
  readonly groups?: readonly ParameterGroup[]
}

/**
 * AdamW in PyTorch's form, one tensor at a time:
 * `p ← p·(1 − lr·weightDecay)`, `m ← β₁m + (1−β₁)g`, `v ← β₂v + (1−β₂)g²`,
 * `p ← p − lr · (m / (1−β₁ᵗ)) / (√(v / (1−β₂ᵗ)) + ε)`, with `g = gradientScale · gradient`.
 * State: `moment1`, `moment2`, float32, of the parameter's shape. Uses the fused kernel `AdamWStep` where the current backend has one.
 * Defaults are Llama 2's except ε (Llama 2: 1e-5; the default here is PyTorch's 1e-8).
 * @throws RangeError when a number lies outside its range.
 * @see Loshchilov & Hutter 2019, Algorithm 2; Touvron et al. 2023 (Llama 2), §2.2; torch.optim.AdamW
 */
export function adamw(options: AdamWOptions = {}): Optimizer {
  const { beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weightDecay = 0.1, groups = [vectorsAndNorms] } = options
  for (const [key, value] of Object.entries({ beta1, beta2 }))
    if (!(value >= 0 && value < 1)) throw new RangeError(`adamw: ${key} is ${value}; it must lie in [0, 1). Usual: beta1 0.9, beta2 0.95.`)
  for (const [key, value] of Object.entries({ epsilon, weightDecay }))
    checkAtLeastZero(`adamw: ${key}`, value, ' Usual: epsilon 1e-8, weightDecay 0.1.')
  checkGroups('adamw', groups)
  return {
    name: 'adamw',
    settings: { beta1, beta2, epsilon, weightDecay, groups: describeGroups(groups) },
    init: (param) => ({ moment1: tf.zeros(param.shape), moment2: tf.zeros(param.shape) }),
    update(gradient, param, state, { learningRate, ...options }) {
      const { learningRateScale, ...group } = groupOf(groups, weightDecay, options.name, param.shape)
      const attrs = { beta1, beta2, epsilon, ...options, learningRate: learningRate * learningRateScale, weightDecay: group.weightDecay }
      return tf.getKernel('AdamWStep', tf.getBackend()) ? fused(gradient, param, state, attrs) : composed(gradient, param, state, attrs)
    },
  }
}

type Attributes = UpdateOptions & { beta1: number; beta2: number; epsilon: number; weightDecay: number }
type Moments = { param: tf.Tensor; state: OptimizerState }

function fused(grad: tf.Tensor, param: tf.Tensor, state: OptimizerState, { name: _, ...attrs }: Attributes): Moments {
  const { moment1, moment2 } = state as { moment1: tf.Tensor; moment2: tf.Tensor }
  const [next, first, second] = tf.engine().runKernel('AdamWStep', { param, grad, moment1, moment2 }, attrs) as tf.Tensor[]
  return { param: next!, state: { moment1: first!, moment2: second! } }
}

function composed(gradient: tf.Tensor, param: tf.Tensor, state: OptimizerState, options: Attributes): Moments {
  const { learningRate, step, gradientScale, beta1, beta2, epsilon, weightDecay } = options
  const correction1 = 1 - beta1 ** step
  const correction2 = Math.sqrt(1 - beta2 ** step)
  const updated = tf.tidy(() => {
    const grad = tf.mul(gradient, gradientScale)
    const moment1 = tf.add(tf.mul(state.moment1!, beta1), tf.mul(grad, 1 - beta1))
    const moment2 = tf.add(tf.mul(state.moment2!, beta2), tf.mul(tf.square(grad), 1 - beta2))
    const denominator = tf.add(tf.div(tf.sqrt(moment2), correction2), epsilon)
    const decayed = tf.mul(param, 1 - learningRate * weightDecay)
    return { param: tf.sub(decayed, tf.mul(tf.div(moment1, denominator), learningRate / correction1)), moment1, moment2 }
  })
  return { param: updated.param, state: { moment1: updated.moment1, moment2: updated.moment2 } }
}
