import * as tf from '@tensorflow/tfjs-core'
import { chunks } from './chunks.ts'
import { hasKernel, type Op, runKernel, runOp } from './kernels.ts'

/**
 * Negative log-likelihood of `targets` int32 [N] under `softmax(hidden·weightᵀ)`, `logΣ_v e^x[n,v] − x[n, target_n]`, → [N].
 * Logits exist for a few rows at a time and are computed again for the gradient. Kernels `LinearCrossEntropy` (losses, logSumExp) and
 * `LinearCrossEntropyGrad` where the backend has them, composed ops in chunks elsewhere. Differentiable in hidden [N, C], weight [V, C].
 */
export const tokenNll = (hidden: tf.Tensor, weight: tf.Tensor, targets: tf.Tensor): tf.Tensor => runOp(op, { hidden, weight, targets })

/**
 * `Σ w·nll / Σ w` of `tokenNll` with weights float32 [N], a scalar; 0 where all weights are 0. Where a gradient is being taken and the
 * backend has `LinearCrossEntropyWithGrad`, loss and gradients are made at once, three products of the logits' size instead of four.
 */
export function meanNll(hidden: tf.Tensor, weight: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor): tf.Scalar {
  const shares = tf.div(weights, tf.maximum(tf.sum(weights), 1e-12))
  if (tf.engine().state.activeTape != null && hasKernel('LinearCrossEntropyWithGrad'))
    return runOp(meanOp, { hidden, weight, targets, shares }) as tf.Scalar
  return tf.sum(tf.mul(tokenNll(hidden, weight, targets), shares))
}

const meanOp: Op = {
  name: 'LlamaMeanNll',
  saved: [],
  outputs: 3,
  inner: false,
  forward({ hidden, weight, targets, shares }) {
    const inputs = { hidden: hidden!, weight: weight!, targets: targets!, dLosses: shares! }
    const [losses, dHidden, dWeight] = runKernel('LinearCrossEntropyWithGrad', inputs)
    return [tf.sum(tf.mul(losses!, shares!)), dHidden!, dWeight!]
  },
  backward: (dLoss, [dHidden, dWeight]) => ({ hidden: tf.mul(dHidden!, dLoss), weight: tf.mul(dWeight!, dLoss) }),
}

const op: Op = {
  name: 'LlamaTokenNll',
  saved: ['hidden', 'weight', 'targets'],
  outputs: 2,
  inner: false,
  forward({ hidden, weight, targets }) {
    if (hasKernel('LinearCrossEntropy')) return runKernel('LinearCrossEntropy', { hidden: hidden!, weight: weight!, targets: targets! })
    return forwardInChunks(hidden!, weight!, targets!)
  },
  backward(dLosses, [hidden, weight, targets, logSumExp]) {
    const inputs = { hidden: hidden!, weight: weight!, targets: targets!, logSumExp: logSumExp!, dLosses }
    const [dHidden, dWeight] = hasKernel('LinearCrossEntropyGrad') ? runKernel('LinearCrossEntropyGrad', inputs) : backwardInChunks(inputs)
    return { hidden: dHidden!, weight: dWeight! }
  },
}

function forwardInChunks(hidden: tf.Tensor, weight: tf.Tensor, targets: tf.Tensor): tf.Tensor[] {
  const parts = chunks(hidden.shape[0]!).map(([first, rows]) =>
    tf.tidy((): tf.Tensor[] => {
      const h = tf.slice(hidden, [first, 0], [rows, -1])
      const logSumExp = tf.logSumExp(tf.matMul(h, weight, false, true), 1)
      const rowOfTarget = tf.gather(weight, tf.slice(targets, first, rows) as tf.Tensor1D) // the target's logit alone: no one-hot
      return [tf.sub(logSumExp, tf.sum(tf.mul(h, rowOfTarget), 1)), logSumExp]
    }),
  )
  return [0, 1].map((i) => tf.concat(parts.map((part) => part[i]!)))
}

function backwardInChunks({ hidden, weight, targets, logSumExp, dLosses }: BackwardInputs): tf.Tensor[] {
  return tf.tidy(() => {
    let dWeight: tf.Tensor = tf.zerosLike(weight)
    const dHidden = chunks(hidden.shape[0]!).map(([first, rows]) => {
      const column = (x: tf.Tensor) => tf.reshape(tf.slice(x, first, rows), [rows, 1])
      const [dh, sum] = tf.tidy((): [tf.Tensor, tf.Tensor] => {
        const h = tf.slice(hidden, [first, 0], [rows, -1])
        const probabilities = tf.tidy(() => tf.exp(tf.sub(tf.matMul(h, weight, false, true), column(logSumExp))))
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

type BackwardInputs = Readonly<Record<'hidden' | 'weight' | 'targets' | 'logSumExp' | 'dLosses', tf.Tensor>>
