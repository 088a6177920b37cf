import * as tf from '@tensorflow/tfjs-core'
import { checkTensors } from './checks.ts'
import { ensureGradient, hasKernel, runKernel } from './run-kernel.ts'

/**
 * Root-mean-square normalisation of the last axis: `y = x / √(mean(x²) + ε) · weight` (Zhang & Sennrich 2019, eq. 4).
 * One fused kernel forward and one backward where the backend has `RMSNorm`, composed tfjs ops elsewhere. Differentiable in x and weight.
 *
 * @param x float32 [..., C]
 * @param weight float32 [C]
 * @returns float32 [..., C]; the caller disposes it
 * @throws TypeError or RangeError when weight is not [C], epsilon is not positive, or a tensor is disposed or not float32
 */
export function rmsNorm<T extends tf.Tensor>(x: T, weight: tf.Tensor1D, epsilon = 1e-5): T {
  checkTensors('rmsNorm', { x, weight })
  const channels = x.shape.at(-1)
  if (weight.shape.length !== 1 || weight.shape[0] !== channels) {
    throw new RangeError(`rmsNorm: weight has shape [${weight.shape}]; it must be [${channels}], the last axis of x [${x.shape}].`)
  }
  if (!(epsilon > 0)) throw new RangeError(`rmsNorm: epsilon is ${epsilon}; it must be positive, such as 1e-5.`)
  if (!hasKernel('RMSNorm')) {
    return tf.tidy(() => {
      const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon))
      return tf.mul(tf.mul(x, inverse), weight) as T
    })
  }
  ensureGradient({
    kernelName: 'RMSNorm',
    inputsToSave: ['x', 'weight'],
    outputsToSave: [false, true],
    gradFunc(dys, saved) {
      const [xs, w, inverseRms] = saved as [tf.Tensor, tf.Tensor, tf.Tensor]
      const [dx, dWeight] = runKernel('RMSNormGrad', { x: xs, weight: w, inverseRms, dy: (dys as tf.Tensor[])[0]! }) as [
        tf.Tensor,
        tf.Tensor,
      ]
      return { x: () => dx, weight: () => dWeight }
    },
  })
  const [y, inverseRms] = runKernel('RMSNorm', { x, weight }, { epsilon }) as [T, tf.Tensor]
  inverseRms.dispose() // the gradient keeps its own reference
  return y
}
