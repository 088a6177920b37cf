import * as tf from '@tensorflow/tfjs-core'
import { checkTensors } from './checks.ts'
import { rowGradients, rowLosses } from './cross-entropy-rows.ts'
import { ensureGradient, hasKernel, runKernel } from './run-kernel.ts'

export interface CrossEntropyOptions {
  /** Share `ε` of the target's probability that is spread over the vocabulary: in [0, 1), default 0 (Szegedy et al. 2016, §7). */
  readonly labelSmoothing?: number
  /** Weight of `(logΣ_v e^x)²`, which keeps logits from drifting: ≥ 0, default 0; usual 1e-4 (Chowdhery et al. 2022, PaLM, §5). */
  readonly zLoss?: number
}

/**
 * Weighted mean cross-entropy of a linear classifier without its logits: with `x = hidden·weightᵀ` and `lse = logΣ_v e^x`,
 * `loss = Σ w_n·(lse − (1 − ε)·x[n, target_n] − ε·mean_v x[n, v] + zLoss·lse²) / Σ w_n`, 0 where all weights are 0.
 *
 * Logits exist for a few rows at a time, so memory is linear in N and in V, forward and backward. Rows of weight 0 are not looked at,
 * whatever they hold. Fused where the backend has `LinearCrossEntropy`; where it has `LinearCrossEntropyWithGrad` and a
 * gradient is being taken, loss and gradients are made at once. Composed ops in chunks elsewhere.
 *
 * @param hidden float32 [N, C]
 * @param weight float32 [V, C], the output embedding
 * @param targets int32 [N], each below V where its weight is not 0 (checked by the fused kernel on wasm)
 * @param weights float32 [N], weight of each row, ≥ 0; no gradient flows into it
 * @returns scalar, differentiable in hidden and weight; the caller disposes it
 * @throws TypeError or RangeError when shapes, dtypes or options do not fit, or a tensor is disposed
 */
export function linearCrossEntropy(
  hidden: tf.Tensor2D,
  weight: tf.Tensor2D,
  targets: tf.Tensor1D,
  weights: tf.Tensor1D,
  { labelSmoothing = 0, zLoss = 0 }: CrossEntropyOptions = {},
): tf.Scalar {
  checkTensors('linearCrossEntropy', { hidden, weight, weights })
  checkTensors('linearCrossEntropy', { targets }, 'int32')
  const [rows, channels] = hidden.shape
  const fits = weight.shape[1] === channels && targets.shape[0] === rows && weights.shape[0] === rows
  const ranks = hidden.shape.length === 2 && weight.shape.length === 2 && targets.shape.length === 1 && weights.shape.length === 1
  if (!fits || !ranks) {
    throw new RangeError(
      `linearCrossEntropy: hidden [${hidden.shape}], weight [${weight.shape}], targets [${targets.shape}], weights [${weights.shape}]; ` +
        'they must be [N, C], [V, C], [N] and [N].',
    )
  }
  if (!(labelSmoothing >= 0 && labelSmoothing < 1))
    throw new RangeError(`linearCrossEntropy: labelSmoothing is ${labelSmoothing}; it must lie in [0, 1). Usual: 0.1.`)
  if (!(zLoss >= 0 && zLoss < Number.POSITIVE_INFINITY))
    throw new RangeError(`linearCrossEntropy: zLoss is ${zLoss}; it must be a finite number ≥ 0. Usual: 1e-4.`)
  return tf.tidy(() => {
    const shares: tf.Tensor1D = tf.div(weights, tf.maximum(tf.sum(weights), 1e-12))
    const differentiates = tf.engine().state.activeTape != null
    const op = differentiates && hasKernel('LinearCrossEntropyWithGrad') ? atOnce : rowByRow
    if (!hasKernel(op.name)) tf.registerKernel({ kernelName: op.name, backendName: tf.getBackend(), kernelFunc: op.forward })
    ensureGradient({ kernelName: op.name, inputsToSave: op.inputs, outputsToSave: op.outputs, gradFunc: op.backward })
    return runKernel(op.name, { hidden, weight, targets, shares }, { labelSmoothing, zLoss })[0] as tf.Scalar
  })
}

type Inputs = Readonly<Record<'hidden' | 'weight' | 'targets' | 'shares', tf.Tensor>>

/** Kernels of their own, so that tfjs saves for the gradient what the caller never sees. */
interface Op {
  readonly name: string
  readonly inputs: string[]
  readonly outputs: boolean[]
  readonly forward: tf.KernelFunc
  readonly backward: tf.GradFunc
}

/** Loss first, then what the backward pass needs to compute the logits again. */
const rowByRow: Op = {
  name: 'LinearCrossEntropyOp',
  inputs: ['hidden', 'weight', 'targets', 'shares'],
  outputs: [false, true],
  forward({ inputs, attrs }) {
    const { hidden, weight, targets, shares } = inputs as unknown as Inputs
    const settings = attrs as Required<CrossEntropyOptions> & Record<string, number>
    return tf.tidy(() => {
      const [losses, logSumExp] = hasKernel('LinearCrossEntropy')
        ? runKernel('LinearCrossEntropy', { hidden, weight, targets, weights: shares }, settings)
        : rowLosses({ hidden, weight, targets, shares }, settings)
      return [tf.sum(tf.mul(losses!, shares)), logSumExp!]
    })
  },
  backward(dys, saved, attrs) {
    const [hidden, weight, targets, shares, logSumExp] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]
    const settings = attrs as unknown as Required<CrossEntropyOptions> & Record<string, number>
    const [dHidden, dWeight] = tf.tidy(() => {
      const inputs = { hidden, weight, targets, logSumExp, dLosses: tf.mul(shares, (dys as tf.Tensor[])[0]!) }
      return hasKernel('LinearCrossEntropyGrad') ? runKernel('LinearCrossEntropyGrad', inputs, settings) : rowGradients(inputs, settings)
    })
    return { hidden: () => dHidden!, weight: () => dWeight! }
  },
}

/** Loss first, then its gradients, which the backward pass scales. */
const atOnce: Op = {
  name: 'LinearCrossEntropyAtOnceOp',
  inputs: [],
  outputs: [false, true, true],
  forward({ inputs, attrs }) {
    const { hidden, weight, targets, shares } = inputs as unknown as Inputs
    return tf.tidy(() => {
      const all = { hidden, weight, targets, dLosses: shares }
      const [losses, dHidden, dWeight] = runKernel('LinearCrossEntropyWithGrad', all, attrs as Record<string, number>)
      return [tf.sum(tf.mul(losses!, shares)), dHidden!, dWeight!]
    })
  },
  backward(dys, saved) {
    const [dHidden, dWeight] = saved as [tf.Tensor, tf.Tensor]
    const dLoss = (dys as tf.Tensor[])[0]!
    return { hidden: () => tf.mul(dHidden, dLoss), weight: () => tf.mul(dWeight, dLoss) }
  },
}
