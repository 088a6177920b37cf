import * as tf from '@tensorflow/tfjs-core'
import { hasKernel, runKernel } from './run-kernel.ts'

/**
 * Root-mean-square normalisation of the last axis: `y = x / √(mean(x²) + ε) · weight` (Zhang & Sennrich 2019, eq. 4).
 * One fused kernel forward and one backward where the backend has `RMSNorm`, composed tfjs ops elsewhere. Differentiable in x and weight.
 *
 * @param x float32 [..., C]
 * @param weight float32 [C]
 * @returns float32 [..., C]; the caller disposes it
 * @throws RangeError when weight is not [C], or epsilon is not positive
 */
export function rmsNorm<T extends tf.Tensor>(x: T, weight: tf.Tensor1D, epsilon = 1e-5): T {
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
  const fused = tf.customGrad((...args: unknown[]) => {
    const [xs, w, save] = args as [tf.Tensor, tf.Tensor, tf.GradSaver]
    const [y, inverseRms] = runKernel('RMSNorm', { x: xs, weight: w }, { epsilon }) as [tf.Tensor, tf.Tensor]
    save([xs, w, inverseRms])
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) =>
      runKernel('RMSNormGrad', { x: saved[0]!, weight: saved[1]!, inverseRms: saved[2]!, dy })
    return { value: y, gradFunc: gradFunc as (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor[] }
  })
  return fused(x, weight) as T
}
