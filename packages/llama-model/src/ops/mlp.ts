import * as tf from '@tensorflow/tfjs-core'
import { type Op, runOp } from './kernels.ts'
import { normBackward, normForward } from './rms-norm.ts'
import { swiGlu, swiGluBackward } from './swi-glu.ts'

export interface MlpWeights {
  /** [C] */
  readonly norm: tf.Tensor
  /** [F, C] */
  readonly gate: tf.Tensor
  /** [F, C] */
  readonly up: tf.Tensor
  /** [C, F] */
  readonly down: tf.Tensor
}

/**
 * `x + (silu(m·gateᵀ) ∘ m·upᵀ)·downᵀ` with `m = rmsNorm(x)`, x [N, C]. One op on the tape: for the gradient it keeps x and, with
 * `keepProducts`, the two products [N, F]; the rest it computes again. As composed ops it would keep three times as much, and tfjs frees
 * operands and intermediate gradients only when the whole backward pass is over.
 */
export const addMlp = (x: tf.Tensor, weights: MlpWeights, epsilon: number, mode: 'keep' | 'computeAgain' | 'onlyGradient'): tf.Tensor =>
  runOp(op, { x, ...weights }, { epsilon, mode })

const op: Op = {
  name: 'LlamaAddMlp',
  saved: ['x', 'norm', 'gate', 'up', 'down'],
  inner: true,
  forward({ x, norm, gate, up, down }, { epsilon, mode }) {
    if (mode === 'onlyGradient') return [tf.reshape(x!, x!.shape)]
    const [gated, upped] = products(x!, norm!, gate!, up!, epsilon as number)
    const y = tf.tidy(() => tf.add(x!, tf.matMul(swiGlu(gated, upped), down!, false, true)))
    return mode === 'keep' ? [y, gated, upped] : [y]
  },
  backward({ dy, saved: { x, norm, gate, up, down }, hidden, attrs: { epsilon }, wanted }) {
    const [dGated, dUpped, dDown] = tf.tidy(() => {
      const [gated, upped] = hidden.length > 0 ? hidden : products(x!, norm!, gate!, up!, epsilon as number)
      const dDown = wanted.has('down') ? [tf.tidy(() => tf.matMul(dy, swiGlu(gated!, upped!), true, false))] : []
      return [...swiGluBackward(gated!, upped!, tf.matMul(dy, down!)), ...dDown]
    })
    const [m, inverse] = normForward(x!, norm!, epsilon as number)
    const dm = tf.tidy(() => tf.add(tf.matMul(dGated!, gate!), tf.matMul(dUpped!, up!)))
    const [dx, dNorm] = normBackward(x!, norm!, inverse!, dm)
    return {
      down: () => dDown!,
      gate: () => tf.matMul(dGated!, m!, true, false),
      up: () => tf.matMul(dUpped!, m!, true, false),
      x: () => tf.add(dy, dx!),
      norm: () => dNorm!,
    }
  },
}

function products(x: tf.Tensor, norm: tf.Tensor, gate: tf.Tensor, up: tf.Tensor, epsilon: number): [gated: tf.Tensor, upped: tf.Tensor] {
  return tf.tidy(() => {
    const m = normForward(x, norm, epsilon)[0]!
    return [tf.matMul(m, gate, false, true), tf.matMul(m, up, false, true)]
  })
}
