import * as tf from '@tensorflow/tfjs-core'
import { ensureGradient, hasKernel, runKernel } from './kernels.ts'

/** `silu(gate)·up`, `silu(x) = x / (1 + e^−x)`. Kernels `SwiGLU` and `SwiGLUGrad` where the backend has them, composed ops elsewhere. */
export function swiGlu(gate: tf.Tensor, up: tf.Tensor): tf.Tensor {
  if (!hasKernel('SwiGLU')) return tf.tidy(() => tf.mul(tf.mul(gate, tf.sigmoid(gate)), up))
  ensureGradient({
    kernelName: 'SwiGLU',
    inputsToSave: ['gate', 'up'],
    gradFunc(dy, saved) {
      const [gate, up] = saved as [tf.Tensor, tf.Tensor]
      const [dGate, dUp] = runKernel('SwiGLUGrad', { gate, up, dy: dy as tf.Tensor })
      return { gate: () => dGate!, up: () => dUp! }
    },
  })
  return tf.engine().runKernel('SwiGLU', { gate, up }) as tf.Tensor
}
