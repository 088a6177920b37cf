import * as tf from '@tensorflow/tfjs-core'
import { checkTensors } from './checks.ts'
import { ensureGradient, hasKernel, runKernel } from './run-kernel.ts'

/**
 * Gated activation of Llama's MLP: `silu(gate)·up` with `silu(x) = x / (1 + e^−x)` (Shazeer 2020, eq. 6).
 * Fused where the backend has `SwiGLU`, composed elsewhere. Differentiable in both.
 *
 * @param gate float32, any shape
 * @param up float32, the same shape
 * @returns float32 of that shape; the caller disposes it
 * @throws TypeError or RangeError when the shapes differ, or a tensor is disposed or not float32
 */
export function swiGlu<T extends tf.Tensor>(gate: T, up: T): T {
  checkTensors('swiGlu', { gate, up })
  if (gate.shape.length !== up.shape.length || gate.shape.some((size, axis) => size !== up.shape[axis])) {
    throw new RangeError(`swiGlu: gate has shape [${gate.shape}] and up [${up.shape}]; they must be equal.`)
  }
  if (!hasKernel('SwiGLU')) return tf.tidy(() => tf.mul(tf.mul(gate, tf.sigmoid(gate)), up) as T)
  ensureGradient({
    kernelName: 'SwiGLU',
    inputsToSave: ['gate', 'up'],
    gradFunc(dy, saved) {
      const [g, u] = saved as [tf.Tensor, tf.Tensor]
      const [dGate, dUp] = runKernel('SwiGLUGrad', { gate: g, up: u, dy: dy as tf.Tensor }) as [tf.Tensor, tf.Tensor]
      return { gate: () => dGate, up: () => dUp }
    },
  })
  return tf.engine().runKernel('SwiGLU', { gate, up }) as T
}
