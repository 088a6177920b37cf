import * as tf from '@tensorflow/tfjs-core'
import { chunks } from './chunks.ts'
import { hasKernel, type Op, runKernel, runOp } from './kernels.ts'
import { sumById } from './sum-by-id.ts'

/**
 * Negative log-likelihood of `targets` int32 [N] under `softmax(hidden·weightᵀ)`, `logΣ_v e^x[n,v] − x[n, target_n]`, → [N].
 * Logits exist for a few rows at a time and are computed again for the gradient. Kernels `LinearCrossEntropy` (losses, logSumExp) and
 * `LinearCrossEntropyGrad` where the backend has them, composed ops in chunks elsewhere. Differentiable in hidden [N, C], weight [V, C].
 */
export const tokenNll = (hidden: tf.Tensor, weight: tf.Tensor, targets: tf.Tensor): tf.Tensor => runOp(op, { hidden, weight, targets })

/**
 * `Σ w·nll / Σ w` of `tokenNll` with weights float32 [N], a scalar; 0 where all weights are 0. Where a gradient is being taken and the
 * backend has `LinearCrossEntropyWithGrad`, loss and gradients are made at once, three products of the logits' size instead of four, and
 * two for a weight that did not learn last time.
 */
export function meanNll(hidden: tf.Tensor, weight: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor): tf.Scalar {
  const shares = tf.div(weights, tf.maximum(tf.sum(weights), 1e-12))
  if (tf.engine().state.activeTape != null && hasKernel('LinearCrossEntropyWithGrad'))
    return runOp(meanOp, { hidden, weight, targets, shares }, { weightGradient: !frozen.has(weight.dataId) }) as tf.Scalar
  return tf.sum(tf.mul(tokenNll(hidden, weight, targets), shares))
}

/** Data of the weights whose gradient nobody asked for last time: what is made with the loss cannot wait for the question. */
const frozen = new WeakSet<object>()

const meanOp: Op = {
  name: 'LlamaMeanNll',
  inner: false,
  forward(inputs, attrs) {
    const [losses, ...gradients] = lossesAndGradients(inputs, attrs)
    return [tf.sum(tf.mul(losses!, inputs.shares!)), ...gradients]
  },
  backward({ dy: dLoss, saved, hidden: [dHidden, dWeight], wanted }) {
    frozen[wanted.has('weight') ? 'delete' : 'add'](saved.weight!.dataId)
    return {
      hidden: () => tf.mul(dHidden!, dLoss),
      weight: () => tf.mul(dWeight ?? lossesAndGradients(saved)[2]!, dLoss),
    }
  },
}

const lossesAndGradients = ({ hidden, weight, targets, shares }: Readonly<Record<string, tf.Tensor>>, attrs?: tf.NamedAttrMap) =>
  runKernel('LinearCrossEntropyWithGrad', { hidden: hidden!, weight: weight!, targets: targets!, dLosses: shares! }, attrs)

const op: Op = {
  name: 'LlamaTokenNll',
  saved: ['hidden', 'weight', 'targets'],
  inner: false,
  forward({ hidden, weight, targets }) {
    if (hasKernel('LinearCrossEntropy')) return runKernel('LinearCrossEntropy', { hidden: hidden!, weight: weight!, targets: targets! })
    return forwardInChunks(hidden!, weight!, targets!)
  },
  backward({ dy: dLosses, saved: { hidden, weight, targets }, hidden: [logSumExp], wanted }) {
    const inputs = { hidden: hidden!, weight: weight!, targets: targets!, logSumExp: logSumExp!, dLosses }
    const [dHidden, dWeight] = hasKernel('LinearCrossEntropyGrad')
      ? runKernel('LinearCrossEntropyGrad', inputs, { weightGradient: wanted.has('weight') })
      : backwardInChunks(inputs, wanted.has('weight'))
    return { hidden: () => dHidden!, weight: () => dWeight! }
  },
}

// logits as [V, rows]: TensorFlow computes them at three times the speed of [rows, V]

function forwardInChunks(hidden: tf.Tensor, weight: tf.Tensor, targets: tf.Tensor): tf.Tensor[] {
  const parts = chunks(hidden.shape[0]!).map(([first, rows]) =>
    tf.tidy((): tf.Tensor[] => {
      const h = tf.slice(hidden, [first, 0], [rows, -1])
      const logSumExp = tf.logSumExp(tf.matMul(weight, h, false, true), 0)
      const rowOfTarget = tf.gather(weight, tf.slice(targets, first, rows) as tf.Tensor1D) // the target's logit alone: no one-hot
      return [tf.sub(logSumExp, tf.sum(tf.mul(h, rowOfTarget), 1)), logSumExp]
    }),
  )
  return [0, 1].map((i) => tf.concat(parts.map((part) => part[i]!)))
}

/** [dHidden], and dWeight where its weight learns: of `logΣe^x` in chunks, and of the targets' logits at once. */
function backwardInChunks({ hidden, weight, targets, logSumExp, dLosses }: BackwardInputs, learns: boolean): tf.Tensor[] {
  return tf.tidy(() => {
    let dWeight: tf.Tensor[] = learns ? [tf.zerosLike(weight)] : []
    const dHidden = chunks(hidden.shape[0]!).map(([first, rows]) => {
      const [dh, ...sum] = tf.tidy((): [tf.Tensor, ...tf.Tensor[]] => {
        const h = tf.slice(hidden, [first, 0], [rows, -1])
        const dLogits = tf.tidy(() => {
          const probabilities = tf.exp(tf.sub(tf.matMul(weight, h, false, true), tf.slice(logSumExp, first, rows)))
          return tf.mul(probabilities, tf.slice(dLosses, first, rows))
        })
        return [tf.matMul(dLogits, weight, true, false), ...dWeight.map((before) => tf.add(before, tf.matMul(dLogits, h)))]
      })
      tf.dispose(dWeight)
      dWeight = sum
      return dh
    })
    const ids = targets as tf.Tensor1D
    const column = tf.reshape(dLosses, [-1, 1])
    return [
      tf.sub(tf.concat(dHidden), tf.mul(tf.gather(weight, ids), column)),
      ...dWeight.map((all) => tf.sub(all, sumById(tf.mul(hidden, column), ids, weight.shape[0]!))),
    ]
  })
}

type BackwardInputs = Readonly<Record<'hidden' | 'weight' | 'targets' | 'logSumExp' | 'dLosses', tf.Tensor>>
