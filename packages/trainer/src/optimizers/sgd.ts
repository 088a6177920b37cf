import * as tf from '@tensorflow/tfjs-core'
import type { Optimizer } from '../types.ts'
import { checkAtLeastZero, checkGroups, describeGroups, groupOf, type ParameterGroup, vectorsAndNorms } from './groups.ts'

export interface SgdOptions {
  /** In [0, 1); default 0. */
  readonly momentum?: number
  /** Looks ahead by one step of momentum; default false. */
  readonly nesterov?: boolean
  /** L2 penalty, added to the gradient (not decoupled, as in PyTorch); ≥ 0, default 0. */
  readonly weightDecay?: number
  /** The first that matches decides. Default: vectors and norms do not decay. */
  readonly groups?: readonly ParameterGroup[]
}

/**
 * Stochastic gradient descent in PyTorch's form: `g ← g + weightDecay·p`, `b ← momentum·b + g` (`b = g` at first),
 * `p ← p − lr·b`, with Nesterov `p ← p − lr·(g + momentum·b)`.
 * State: `momentum` of the parameter's shape; none without momentum.
 * @throws TypeError or RangeError when an option lies outside its range.
 * @see Sutskever et al. 2013; torch.optim.SGD
 */
export function sgd(options: SgdOptions = {}): Optimizer {
  const { momentum = 0, nesterov = false, weightDecay = 0, groups = [vectorsAndNorms] } = options
  if (!(momentum >= 0 && momentum < 1)) throw new RangeError(`sgd: momentum is ${momentum}; it must lie in [0, 1). Usual: 0.9.`)
  if (nesterov && momentum === 0) throw new RangeError('sgd: nesterov needs momentum; pass momentum: 0.9, or leave nesterov out.')
  checkAtLeastZero('sgd: weightDecay', weightDecay)
  checkGroups('sgd', groups)
  return {
    name: 'sgd',
    settings: { momentum, nesterov, weightDecay, groups: describeGroups(groups) },
    init: (param) => (momentum === 0 ? {} : { momentum: tf.zeros(param.shape) }),
    update: (gradient, param, state, { name, learningRate, gradientScale }) => {
      const group = groupOf(groups, weightDecay, name, param.shape)
      const rate = learningRate * group.learningRateScale
      return tf.tidy(() => {
        const scaled = tf.mul(gradient, gradientScale)
        const grad = group.weightDecay === 0 ? scaled : tf.add(scaled, tf.mul(param, group.weightDecay))
        if (!state.momentum) return { param: tf.sub(param, tf.mul(grad, rate)), state: {} }
        const velocity = tf.add(tf.mul(state.momentum, momentum), grad) // zeros at first, which gives b = g
        const direction = nesterov ? tf.add(grad, tf.mul(velocity, momentum)) : velocity
        return { param: tf.sub(param, tf.mul(direction, rate)), state: { momentum: velocity } }
      })
    },
  }
}
