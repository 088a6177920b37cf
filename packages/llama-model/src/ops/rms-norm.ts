import * as tf from '@tensorflow/tfjs-core'
import { hasKernel, type Op, runKernel, runOp } from './kernels.ts'

/** `y = x / √(mean(x²) + ε) · weight` over the last axis: x [N, C], weight [C] → [N, C]. Differentiable. */
export const rmsNorm = (x: tf.Tensor, weight: tf.Tensor, epsilon: number): tf.Tensor => runOp(op, { x, weight }, { epsilon })

const op: Op = {
  name: 'LlamaRmsNorm',
  saved: ['x', 'weight'],
  inner: true,
  forward: ({ x, weight }, { epsilon }) => normForward(x!, weight!, epsilon as number),
  backward({ dy, saved: { x, weight }, hidden: [inverse] }) {
    const [dx, dWeight] = normBackward(x!, weight!, inverse!, dy)
    return { x: () => dx!, weight: () => dWeight! }
  },
}

/** y [N, C] and inverse `1/√(mean(x²) + ε)` [N]; kernel `RMSNorm` where the backend has it, composed elsewhere. */
export function normForward(x: tf.Tensor, weight: tf.Tensor, epsilon: number): tf.Tensor[] {
  if (hasKernel('RMSNorm')) return runKernel('RMSNorm', { x, weight }, { epsilon })
  return tf.tidy(() => {
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon))
    return [tf.mul(tf.mul(x, inverse), weight), tf.reshape(inverse, [-1])]
  })
}

/** `dx = inverse·(g − x̂·mean(g·x̂))` with `g = dy·weight`, `x̂ = x·inverse`, and `dWeight = Σ_n dy·x̂`; kernel `RMSNormGrad` or composed. */
export function normBackward(x: tf.Tensor, weight: tf.Tensor, inverseRms: tf.Tensor, dy: tf.Tensor): tf.Tensor[] {
  if (hasKernel('RMSNormGrad')) return runKernel('RMSNormGrad', { x, weight, inverseRms, dy })
  return tf.tidy(() => {
    const inverse = tf.reshape(inverseRms, [-1, 1])
    const normed = tf.mul(x, inverse)
    const g = tf.mul(dy, weight)
    const dx = tf.mul(inverse, tf.sub(g, tf.mul(normed, tf.mean(tf.mul(g, normed), -1, true))))
    return [dx, tf.sum(tf.mul(dy, normed), 0)]
  })
}
