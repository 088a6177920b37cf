import * as tf from '@tensorflow/tfjs-core'

/** Whether the current backend has the kernel. */
export const hasKernel = (name: string): boolean => tf.getKernel(name, tf.getBackend()) !== undefined

/** Runs a kernel with several outputs. */
export function runKernel(name: string, inputs: Record<string, tf.Tensor>, attrs: tf.NamedAttrMap = {}): tf.Tensor[] {
  return tf.engine().runKernel(name, inputs, attrs) as tf.Tensor[]
}

type Tensors = Readonly<Record<string, tf.Tensor>>

/** A differentiable operation by composition: what `forward` returns beyond the first output is only for `backward`. */
export interface Op {
  readonly name: string
  /** Names of the inputs that `backward` gets; all where left out. */
  readonly saved?: readonly string[]
  /** The result never leaves the model, so that its gradient is nobody else's. */
  readonly inner: boolean
  readonly forward: (inputs: Tensors, attrs: tf.NamedAttrMap) => tf.Tensor[]
  /** Gradients by name of input; only those of `wanted` are called, at once and in this order. */
  readonly backward: (given: Given) => Readonly<Record<string, () => tf.Tensor>>
}

interface Given {
  /** Gradient of the result. */
  readonly dy: tf.Tensor
  readonly saved: Tensors
  /** The outputs but the first. */
  readonly hidden: readonly tf.Tensor[]
  readonly attrs: tf.NamedAttrMap
  /** Inputs that lead from what is differentiated: no frozen weights. */
  readonly wanted: ReadonlySet<string>
}

/**
 * Runs an op as one tfjs kernel, registered for the backend at first use: only kernels may have outputs for the gradient that the caller
 * never sees (`tf.customGrad` takes them for a leak), and what happens inside leaves nothing on the tape.
 */
export function runOp(op: Op, inputs: Tensors, attrs: tf.NamedAttrMap = {}): tf.Tensor {
  const { name, forward } = op
  if (!hasKernel(name)) {
    const kernelFunc: tf.KernelFunc = ({ inputs, attrs }) => tf.tidy(() => forward(inputs as Tensors, attrs ?? {}))
    tf.registerKernel({ kernelName: name, backendName: tf.getBackend(), kernelFunc })
  }
  const [result, ...hidden] = runKernel(name, inputs, attrs)
  if (tf.engine().isTapeOn()) setGradient(op, inputs, hidden, attrs)
  else tf.dispose(hidden)
  return result!
}

/**
 * Gives the node of the tape that a kernel has just made its gradient. A registered gradient would not learn what is wanted of it; tfjs
 * calls that of a node as a method of a copy whose inputs are pruned to it (`getFilteredNodesXToY` of tfjs-core's tape.ts).
 */
function setGradient({ saved, inner, backward }: Op, inputs: Tensors, hidden: tf.Tensor[], attrs: tf.NamedAttrMap): void {
  const node = tf.engine().state.activeTape.at(-1)!
  const kept = Object.fromEntries((saved ?? Object.keys(inputs)).map((key) => [key, tf.keep(tf.clone(inputs[key]!))]))
  node.saved = [...Object.values(kept), ...hidden.map((output) => tf.keep(output))]
  node.gradient = function (this: typeof node, [dy]: tf.Tensor[]) {
    const wanted = new Set(Object.keys(this.inputs))
    const gradients = tf.tidy(() => {
      const all = Object.entries(backward({ dy: dy!, saved: kept, hidden, attrs, wanted }))
      return Object.fromEntries(all.filter(([key]) => wanted.has(key)).map(([key, gradient]) => [key, gradient()]))
    })
    // tfjs would keep them until the whole backward pass is over
    if (tf.engine().state.gradientDepth === 0) tf.dispose(inner ? [node.saved!, dy!] : node.saved!)
    return Object.fromEntries(Object.entries(gradients).map(([key, gradient]) => [key, () => gradient]))
  }
}
