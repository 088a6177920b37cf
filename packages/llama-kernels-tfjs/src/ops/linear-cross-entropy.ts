import * as tf from '@tensorflow/tfjs-core'
import { ensureGradient, hasKernel, runKernel } from './run-kernel.ts'

const rowsPerChunk = 256

/**
 * Weighted mean cross-entropy of a linear classifier without its logits: with `x = hidden·weightᵀ`,
 * `loss = Σ w_n·(logΣ_v e^x[n,v] − x[n, target_n]) / Σ w_n`, 0 where all weights are 0.
 *
 * Logits exist for a few rows at a time, so memory is linear in N and in V, forward and backward; the backward pass computes them
 * again. One fused kernel each way where the backend has `LinearCrossEntropy`, composed ops in chunks elsewhere.
 *
 * @param hidden float32 [N, C]
 * @param weight float32 [V, C], the output embedding
 * @param targets int32 [N], each below V (checked by the fused kernel)
 * @param weights float32 [N], weight of each row; no gradient flows into it
 * @returns scalar, differentiable in hidden and weight; the caller disposes it
 * @throws RangeError when the shapes do not fit
 */
export function linearCrossEntropy(hidden: tf.Tensor2D, weight: tf.Tensor2D, targets: tf.Tensor1D, weights: tf.Tensor1D): tf.Scalar {
  const [rows, channels] = hidden.shape
  const fits = weight.shape[1] === channels && targets.shape[0] === rows && weights.shape[0] === rows
  if (!fits || targets.shape.length !== 1 || weights.shape.length !== 1) {
    throw new RangeError(
      `linearCrossEntropy: hidden [${hidden.shape}], weight [${weight.shape}], targets [${targets.shape}], weights [${weights.shape}]; ` +
        'they must be [N, C], [V, C], [N] and [N].',
    )
  }
  return tf.tidy(() => {
    const total = tf.maximum(tf.sum(weights), 1e-12)
    const losses = lossPerRow(hidden, weight, targets)
    return tf.div(tf.sum(tf.mul(losses, weights)), total) as tf.Scalar
  })
}

// The op is a kernel of its own, so that tfjs saves its second output for the gradient. It runs the backend's kernel or composed ops.
const op = 'LinearCrossEntropyOp'

/** nll [N]; differentiable in hidden and weight. */
function lossPerRow(hidden: tf.Tensor2D, weight: tf.Tensor2D, targets: tf.Tensor1D): tf.Tensor {
  if (!hasKernel(op)) tf.registerKernel({ kernelName: op, backendName: tf.getBackend(), kernelFunc: forward })
  ensureGradient({ kernelName: op, inputsToSave: ['hidden', 'weight', 'targets'], outputsToSave: [false, true], gradFunc: backward })
  return runKernel(op, { hidden, weight, targets })[0]!
}

const forward: tf.KernelFunc = ({ inputs }) => {
  const { hidden, weight, targets } = inputs as unknown as { hidden: tf.Tensor2D; weight: tf.Tensor2D; targets: tf.Tensor1D }
  if (hasKernel('LinearCrossEntropy')) return runKernel('LinearCrossEntropy', { hidden, weight, targets })
  return forwardInChunks(hidden, weight, targets)
}

const backward: tf.GradFunc = (dys, saved) => {
  const [hidden, weight, targets, logSumExp] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D, tf.Tensor1D]
  const dLosses = (dys as tf.Tensor[])[0] as tf.Tensor1D
  const [dHidden, dWeight] = hasKernel('LinearCrossEntropyGrad')
    ? runKernel('LinearCrossEntropyGrad', { hidden, weight, targets, logSumExp, dLosses })
    : backwardInChunks(hidden, weight, targets, logSumExp, dLosses)
  return { hidden: () => dHidden!, weight: () => dWeight! }
}

function forwardInChunks(hidden: tf.Tensor2D, weight: tf.Tensor2D, targets: tf.Tensor1D): tf.Tensor[] {
  return tf.tidy(() => {
    const parts = chunks(hidden.shape[0]).map(([first, rows]) =>
      tf.tidy(() => {
        const h: tf.Tensor2D = tf.slice(hidden, [first, 0], [rows, -1])
        const logSumExp: tf.Tensor1D = tf.logSumExp(tf.matMul(h, weight, false, true), 1)
        const rowOfTarget = tf.gather(weight, tf.slice(targets, first, rows)) // the target's logit alone: no one-hot
        return [tf.sub(logSumExp, tf.sum(tf.mul(h, rowOfTarget), 1)), logSumExp]
      }),
    )
    return [0, 1].map((i) => tf.concat(parts.map((part) => part[i]!)))
  })
}

function backwardInChunks(
  hidden: tf.Tensor2D,
  weight: tf.Tensor2D,
  targets: tf.Tensor1D,
  logSumExp: tf.Tensor1D,
  dLosses: tf.Tensor1D,
): tf.Tensor[] {
  return tf.tidy(() => {
    let dWeight: tf.Tensor = tf.zerosLike(weight)
    const dHidden = chunks(hidden.shape[0]).map(([first, rows]) => {
      const column = (x: tf.Tensor1D) => tf.reshape(tf.slice(x, first, rows), [rows, 1])
      const [dh, sum] = tf.tidy(() => {
        const h: tf.Tensor2D = tf.slice(hidden, [first, 0], [rows, -1])
        const probabilities = tf.exp(tf.sub(tf.matMul(h, weight, false, true), column(logSumExp)))
        const oneHot = tf.oneHot(tf.slice(targets, first, rows), weight.shape[0])
        const dLogits: tf.Tensor2D = tf.mul(tf.sub(probabilities, oneHot), column(dLosses))
        return [tf.matMul(dLogits, weight), tf.add(dWeight, tf.matMul(dLogits, h, true, false))] as const
      }) as [tf.Tensor, tf.Tensor]
      tf.dispose(dWeight)
      dWeight = sum
      return dh
    })
    return [tf.concat(dHidden), dWeight]
  })
}

/** [first row, number of rows] of each chunk. */
const chunks = (rows: number) =>
  Array.from({ length: Math.ceil(rows / rowsPerChunk) }, (_, i): [number, number] => {
    const first = i * rowsPerChunk
    return [first, Math.min(rowsPerChunk, rows - first)]
  })
