import * as tf from '@tensorflow/tfjs-core'
import { hasKernel, runKernel } from './run-kernel.ts'

/**
 * Gated activation of Llama's MLP: `silu(gate)·up` with `silu(x) = x / (1 + e^−x)` (Shazeer 2020, eq. 6).
 * Fused where the backend has `SwiGLU`, composed elsewhere. Differentiable in both.
 *
 * @param gate float32, any shape
 * @param up float32, the same shape
 * @returns float32 of that shape; the caller disposes it
 * @throws RangeError when the shapes differ
 */
export function swiGlu<T extends tf.Tensor>(gate: T, up: T): T {
  if (gate.shape.length !== up.shape.length || gate.shape.some((size, axis) => size !== up.shape[axis])) {
    throw new RangeError(`swiGlu: gate has shape [${gate.shape}] and up [${up.shape}]; they must be equal.`)
  }
  if (!hasKernel('SwiGLU')) return tf.tidy(() => tf.mul(tf.mul(gate, tf.sigmoid(gate)), up) as T)
  const fused = tf.customGrad((...args: unknown[]) => {
    const [g, u, save] = args as [tf.Tensor, tf.Tensor, tf.GradSaver]
    save([g, u])
    const [value] = runKernel('SwiGLU', { gate: g, up: u }) as [tf.Tensor]
    return { value, gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => runKernel('SwiGLUGrad', { gate: saved[0]!, up: saved[1]!, dy }) }
  })
  return fused(gate, up) as T
}
