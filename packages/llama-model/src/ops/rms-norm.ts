import * as tf from '@tensorflow/tfjs-core'
import { ensureGradient, hasKernel, runKernel } from './kernels.ts'

/**
 * `y = x / √(mean(x²) + ε) · weight` over the last axis. Kernels `RMSNorm` (x, weight; y, inverseRms) and `RMSNormGrad` where the
 * backend has them, composed ops elsewhere.
 */
export function rmsNorm(x_NC: tf.Tensor, weight_C: tf.Tensor, epsilon: number): tf.Tensor {
  if (!hasKernel('RMSNorm')) {
    return tf.tidy(() => tf.mul(tf.mul(x_NC, tf.rsqrt(tf.add(tf.mean(tf.square(x_NC), -1, true), epsilon))), weight_C))
  }
  ensureGradient({
    kernelName: 'RMSNorm',
    inputsToSave: ['x', 'weight'],
    outputsToSave: [false, true],
    gradFunc(dys, saved) {
      const [x, weight, inverseRms] = saved as [tf.Tensor, tf.Tensor, tf.Tensor]
      const dy = (dys as tf.Tensor[])[0]!
      const [dx, dWeight] = runKernel('RMSNormGrad', { x, weight, inverseRms, dy })
      return { x: () => dx!, weight: () => dWeight! }
    },
  })
  const [y, inverseRms] = runKernel('RMSNorm', { x: x_NC, weight: weight_C }, { epsilon })
  inverseRms!.dispose() // the gradient keeps its own reference
  return y!
}
