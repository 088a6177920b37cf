import * as tf from '@tensorflow/tfjs-core'

/** Whether the current backend has the kernel. */
export const hasKernel = (name: string): boolean => tf.getKernel(name, tf.getBackend()) !== undefined

/** Runs a kernel with several outputs. */
export function runKernel(name: string, inputs: Record<string, tf.Tensor>, attrs: tf.NamedAttrMap = {}): tf.Tensor[] {
  return tf.engine().runKernel(name, inputs, attrs) as tf.Tensor[]
}

/**
 * Tells tfjs the gradient of a kernel, once per program. A kernel's gradient may save outputs that the caller never sees;
 * `tf.customGrad` may not (tfjs takes them for a leak).
 */
export function ensureGradient(config: tf.GradConfig): void {
  if (!tf.getGradient(config.kernelName)) tf.registerGradient(config)
}
