import * as tf from '@tensorflow/tfjs-core'

/** Whether the current backend has the kernel. */
export const hasKernel = (name: string): boolean => tf.getKernel(name, tf.getBackend()) !== undefined

/** Runs a kernel with several outputs. */
export function runKernel(name: string, inputs: Record<string, tf.Tensor>, attrs: tf.NamedAttrMap = {}): tf.Tensor[] {
  return tf.engine().runKernel(name, inputs, attrs) as tf.Tensor[]
}

/** A differentiable operation by composition: what `forward` returns beyond the first output is only for `backward`. */
export interface Op {
  readonly name: string
  /** Names of the inputs that `backward` gets. */
  readonly saved: readonly string[]
  /** Number of outputs; the first is the result. */
  readonly outputs: number
  /** The result never leaves the model, so that its gradient is nobody else's. */
  readonly inner: boolean
  readonly forward: (inputs: Record<string, tf.Tensor>, attrs: tf.NamedAttrMap) => tf.Tensor[]
  /** Gradients by input name, from that of the result, the saved inputs and the outputs but the first. */
  readonly backward: (dy: tf.Tensor, saved: tf.Tensor[], attrs: tf.NamedAttrMap) => Record<string, tf.Tensor>
}

/**
 * Runs an op as one tfjs kernel, registered for the backend at first use: only kernels may save outputs for the gradient that the caller
 * never sees (`tf.customGrad` takes them for a leak), and what happens inside leaves nothing on the tape.
 */
export function runOp(
  { name, saved, outputs, inner, forward, backward }: Op,
  inputs: Record<string, tf.Tensor>,
  attrs: tf.NamedAttrMap = {},
): tf.Tensor {
  if (!hasKernel(name)) {
    const kernelFunc: tf.KernelFunc = ({ inputs, attrs }) => tf.tidy(() => forward(inputs as Record<string, tf.Tensor>, attrs ?? {}))
    tf.registerKernel({ kernelName: name, backendName: tf.getBackend(), kernelFunc })
  }
  if (!tf.getGradient(name)) {
    tf.registerGradient({
      kernelName: name,
      inputsToSave: [...saved],
      outputsToSave: Array.from({ length: outputs }, (_, i) => i > 0),
      gradFunc(dys, tensors, attrs) {
        const [dy, ...zeros] = Array.isArray(dys) ? (dys as [tf.Tensor, ...tf.Tensor[]]) : [dys]
        tf.dispose(zeros) // tfjs makes them for the outputs that nobody sees
        const gradients = tf.tidy(() => backward(dy, tensors, attrs))
        // tfjs would keep them until the whole backward pass is over
        if (tf.engine().state.gradientDepth === 0) tf.dispose(inner ? [tensors, dy] : tensors)
        return Object.fromEntries(Object.entries(gradients).map(([key, gradient]) => [key, () => gradient]))
      },
    })
  }
  const [result, ...hidden] = runKernel(name, inputs, attrs)
  tf.dispose(hidden) // the gradient keeps its own references
  return result!
}
