import * as tf from '@tensorflow/tfjs-core'
import { chunks } from './chunks.ts'
import { ensureGradient, hasKernel, runKernel } from './kernels.ts'

// A kernel of its own, so that tfjs saves its second output for the gradient. It runs the backend's kernel or composed ops.
const op = 'LlamaTokenNll'

/**
 * Negative log-likelihood of `targets` int32 [N] under `softmax(hidden·weightᵀ)`, `logΣ_v e^x[n,v] − x[n, target_n]`, → [N].
 * Logits exist for a few rows at a time and are computed again for the gradient. Kernels `LinearCrossEntropy` (losses, logSumExp) and
 * `LinearCrossEntropyGrad` where the backend has them, composed ops in chunks elsewhere. Differentiable in hidden [N, C], weight [V, C].
 */
export function tokenNll(hidden_NC: tf.Tensor, weight_VC: tf.Tensor, targets_N: tf.Tensor1D): tf.Tensor {
  if (!hasKernel(op)) tf.registerKernel({ kernelName: op, backendName: tf.getBackend(), kernelFunc: forward })
  ensureGradient({ kernelName: op, inputsToSave: ['hidden', 'weight', 'targets'], outputsToSave: [false, true], gradFunc: backward })
  const [losses, logSumExp] = runKernel(op, { hidden: hidden_NC, weight: weight_VC, targets: targets_N })
  logSumExp!.dispose() // the gradient keeps its own reference
  return losses!
}

type Inputs = Record<'hidden' | 'weight' | 'targets', tf.Tensor>

const forward: tf.KernelFunc = ({ inputs }) => {
  const { hidden, weight, targets } = inputs as unknown as Inputs
  if (hasKernel('LinearCrossEntropy')) return runKernel('LinearCrossEntropy', { hidden, weight, targets })
  return tf.tidy(() => {
    const parts = chunks(hidden.shape[0]!).map(([first, rows]) =>
      tf.tidy((): tf.Tensor[] => {
        const h = tf.slice(hidden, [first, 0], [rows, -1])
        const logSumExp = tf.logSumExp(tf.matMul(h, weight, false, true), 1)
        const rowOfTarget = tf.gather(weight, tf.slice(targets, first, rows) as tf.Tensor1D) // the target's logit alone: no one-hot
        return [tf.sub(logSumExp, tf.sum(tf.mul(h, rowOfTarget), 1)), logSumExp]
      }),
    )
    return [0, 1].map((i) => tf.concat(parts.map((part) => part[i]!)))
  })
}

const backward: tf.GradFunc = (dys, saved) => {
  const [hidden, weight, targets, logSumExp] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]
  const dLosses = (dys as tf.Tensor[])[0]!
  const [dHidden, dWeight] = hasKernel('LinearCrossEntropyGrad')
    ? runKernel('LinearCrossEntropyGrad', { hidden, weight, targets, logSumExp, dLosses })
    : backwardInChunks(hidden, weight, targets, logSumExp, dLosses)
  return { hidden: () => dHidden!, weight: () => dWeight! }
}

/** `dLogits = (softmax − oneHot)·dLoss`, `dHidden = dLogits·weight`, `dWeight = dLogitsᵀ·hidden`. */
function backwardInChunks(hidden: tf.Tensor, weight: tf.Tensor, targets: tf.Tensor, logSumExp: tf.Tensor, dLosses: tf.Tensor): tf.Tensor[] {
  return tf.tidy(() => {
    let dWeight: tf.Tensor = tf.zerosLike(weight)
    const dHidden = chunks(hidden.shape[0]!).map(([first, rows]) => {
      const column = (x: tf.Tensor) => tf.reshape(tf.slice(x, first, rows), [rows, 1])
      const [dh, sum] = tf.tidy((): [tf.Tensor, tf.Tensor] => {
        const h = tf.slice(hidden, [first, 0], [rows, -1])
        const probabilities = tf.exp(tf.sub(tf.matMul(h, weight, false, true), column(logSumExp)))
        const oneHot = tf.oneHot(tf.slice(targets, first, rows) as tf.Tensor1D, weight.shape[0]!)
        const dLogits = tf.mul(tf.sub(probabilities, oneHot), column(dLosses))
        return [tf.matMul(dLogits, weight), tf.add(dWeight, tf.matMul(dLogits, h, true, false))]
      })
      dWeight.dispose()
      dWeight = sum
      return dh
    })
    return [tf.concat(dHidden), dWeight]
  })
}
