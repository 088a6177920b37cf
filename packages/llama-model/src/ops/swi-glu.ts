import * as tf from '@tensorflow/tfjs-core'
import { hasKernel, runKernel } from './kernels.ts'

/** `silu(gate)·up`, `silu(x) = x·σ(x)`; kernel `SwiGLU` where the backend has it, composed elsewhere. */
export function swiGlu(gate: tf.Tensor, up: tf.Tensor): tf.Tensor {
  if (hasKernel('SwiGLU')) return tf.engine().runKernel('SwiGLU', { gate, up }) as tf.Tensor
  return tf.tidy(() => tf.mul(tf.mul(gate, tf.sigmoid(gate)), up))
}

/** dGate and dUp, `silu'(x) = σ(x)·(1 + x·(1 − σ(x)))`; kernel `SwiGLUGrad` or composed. */
export function swiGluBackward(gate: tf.Tensor, up: tf.Tensor, dy: tf.Tensor): tf.Tensor[] {
  if (hasKernel('SwiGLUGrad')) return runKernel('SwiGLUGrad', { gate, up, dy })
  return tf.tidy(() => {
    const sigmoid = tf.sigmoid(gate)
    const slope = tf.mul(sigmoid, tf.add(tf.mul(gate, tf.sub(1, sigmoid)), 1))
    return [tf.mul(tf.mul(dy, up), slope), tf.mul(dy, tf.mul(gate, sigmoid))]
  })
}
