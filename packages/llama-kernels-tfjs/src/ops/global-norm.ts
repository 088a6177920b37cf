import * as tf from '@tensorflow/tfjs-core'
import { checkList } from './checks.ts'
import { hasKernel, runKernel } from './run-kernel.ts'

/**
 * Norm of all tensors as one vector, `√ΣΣ x²`: that of a gradient over all parameters. One pass over each where the backend has
 * `SquaredNorms`, composed ops elsewhere. Not differentiable.
 *
 * @param tensors float32, of any shapes; not disposed
 * @returns float32 scalar; the caller disposes it
 * @throws TypeError or RangeError for an empty list, and for what is no live float32 tensor
 * @see torch.nn.utils.get_total_norm
 */
export function globalNorm(tensors: readonly tf.Tensor[]): tf.Scalar {
  checkList('globalNorm', tensors)
  return tf.tidy(() => tf.sqrt(tf.sum(squaredNorms(tensors))) as tf.Scalar)
}

/**
 * All tensors times `min(1, maxNorm / (norm + 1e-6))`, with `norm` that of all as one vector (Pascanu et al. 2013, §3.2). One kernel,
 * which never leaves the device, where the backend has `ClipByGlobalNorm`, composed ops elsewhere. Not differentiable.
 *
 * @param tensors float32, of any shapes; not disposed
 * @param maxNorm above 0
 * @returns fresh tensors and the norm before clipping, a scalar; the caller disposes all
 * @throws TypeError or RangeError for an empty list, for what is no live float32 tensor, and for a maxNorm that is not above 0
 * @see torch.nn.utils.clip_grad_norm_
 */
export function clipByGlobalNorm(tensors: readonly tf.Tensor[], maxNorm: number): { clipped: tf.Tensor[]; norm: tf.Scalar } {
  checkList('clipByGlobalNorm', tensors)
  if (!(maxNorm > 0)) throw new RangeError(`clipByGlobalNorm: maxNorm is ${maxNorm}; it must be above 0. Usual: 1.`)
  if (hasKernel('ClipByGlobalNorm')) {
    const outputs = runKernel('ClipByGlobalNorm', { ...tensors } as unknown as Record<string, tf.Tensor>, { maxNorm })
    return { clipped: outputs.slice(0, -1), norm: outputs.at(-1) as tf.Scalar }
  }
  return tf.tidy(() => {
    const norm = tf.sqrt(tf.sum(squaredNorms(tensors))) as tf.Scalar
    const factor = tf.minimum(tf.div(maxNorm, tf.add(norm, 1e-6)), 1)
    return { clipped: tensors.map((tensor) => tf.mul(tensor, factor)), norm }
  })
}

/** Σ x² of each, [number of tensors]; composed, rows first, so that float32 sums stay short. */
function squaredNorms(tensors: readonly tf.Tensor[]): tf.Tensor {
  if (hasKernel('SquaredNorms'))
    return runKernel('SquaredNorms', { ...tensors } as unknown as Record<string, tf.Tensor>) as unknown as tf.Tensor
  const squares = tensors.map((tensor) => {
    const all = tf.square(tensor)
    return tf.sum(all.rank > 1 ? tf.sum(all, -1) : all)
  })
  return tf.stack(squares)
}
