import * as tf from '@tensorflow/tfjs-core'
import type { Optimizer, OptimizerState } from '../types.ts'
import { checkAtLeastZero, checkGroups, describeGroups, groupOf, type ParameterGroup, vectorsAndNorms } from './groups.ts'

export interface AdafactorOptions {
  /** Exponent of the second moment's memory: `1 − β₂ₜ = t^beta2Decay`; negative, default −0.8. */
  readonly beta2Decay?: number
  /** Floor of the second moment; default float32's 2⁻²³. */
  readonly epsilon?: number
  /** Floor of a parameter's root mean square, which the step is relative to; default 1e-3. */
  readonly parameterFloor?: number
  /** Largest root mean square of an update; > 0, default 1. */
  readonly clipUpdate?: number
  /** Decoupled, per unit of learning rate; ≥ 0, default 0. */
  readonly weightDecay?: number
  /** The first that matches decides. Default: vectors and norms do not decay. */
  readonly groups?: readonly ParameterGroup[]
}

/**
 * Adafactor in PyTorch's form: AdamW's scaling by the second moment, of which only the means of rows and columns are kept, without a first
 * moment, and with steps relative to the size of the parameter. For a matrix `[m, n]` it keeps `m + n` numbers instead of AdamW's `2·m·n`.
 * `R ← lerp(R, mean_n g², t^−0.8)`, `C` likewise over m, `v = R·C / mean R`, `u = g/√v`,
 * `p ← p·(1 − lr·decay) − max(parameterFloor, rms p) · min(lr, 1/√t) · u / max(1, rms u / clipUpdate)`.
 * State: `rows [… m, 1]` and `columns [… 1, n]` for rank ≥ 2, `moment2` for vectors. A usual learning rate is 1e-2.
 * @throws TypeError or RangeError when an option lies outside its range.
 * @see Shazeer & Stern 2018, Algorithm 5; torch.optim.Adafactor
 */
export function adafactor(options: AdafactorOptions = {}): Optimizer {
  const {
    beta2Decay = -0.8,
    epsilon = 2 ** -23,
    parameterFloor = 1e-3,
    clipUpdate = 1,
    weightDecay = 0,
    groups = [vectorsAndNorms],
  } = options
  if (!(beta2Decay < 0)) throw new RangeError(`adafactor: beta2Decay is ${beta2Decay}; it must be negative. Usual: -0.8.`)
  if (!(clipUpdate > 0)) throw new RangeError(`adafactor: clipUpdate is ${clipUpdate}; it must be > 0. Usual: 1.`)
  for (const [key, value] of Object.entries({ epsilon, parameterFloor, weightDecay })) checkAtLeastZero(`adafactor: ${key}`, value)
  checkGroups('adafactor', groups)
  return {
    name: 'adafactor',
    settings: { beta2Decay, epsilon, parameterFloor, clipUpdate, weightDecay, groups: describeGroups(groups) },
    init: ({ shape }) =>
      shape.length < 2
        ? { moment2: tf.zeros(shape) }
        : { rows: tf.zeros([...shape.slice(0, -1), 1]), columns: tf.zeros([...shape.slice(0, -2), 1, shape.at(-1)!]) },
    update: (gradient, param, state, { name, learningRate, step, gradientScale }) => {
      const group = groupOf(groups, weightDecay, name, param.shape)
      const rate = learningRate * group.learningRateScale
      return tf.tidy(() => {
        const grad = tf.mul(gradient, gradientScale)
        const next = secondMoment(grad, state, step ** beta2Decay)
        const update = tf.mul(grad, tf.rsqrt(tf.maximum(estimate(next, epsilon), epsilon * epsilon)))
        const size = tf.mul(tf.maximum(rootMeanSquare(param), parameterFloor), Math.min(rate, 1 / Math.sqrt(step)))
        const shrink = tf.maximum(tf.div(rootMeanSquare(update), clipUpdate), 1)
        return { param: tf.sub(tf.mul(param, 1 - rate * group.weightDecay), tf.mul(update, tf.div(size, shrink))), state: next }
      })
    },
  }
}

function secondMoment(grad: tf.Tensor, { rows, columns, moment2 }: OptimizerState, share: number): OptimizerState {
  const moved = (from: tf.Tensor, to: tf.Tensor) => tf.add(from, tf.mul(tf.sub(to, from), share))
  const squares = tf.square(grad)
  if (!rows || !columns) return { moment2: moved(moment2!, squares) }
  return { rows: moved(rows, tf.mean(squares, -1, true)), columns: moved(columns, tf.mean(squares, -2, true)) }
}

/** `v` from what is kept of it. */
function estimate({ rows, columns, moment2 }: OptimizerState, epsilon: number): tf.Tensor {
  if (!rows || !columns) return moment2!
  return tf.div(tf.mul(rows, columns), tf.maximum(tf.mean(rows, -2, true), epsilon))
}

const rootMeanSquare = (x: tf.Tensor): tf.Tensor => tf.sqrt(tf.mean(tf.square(x)))
