import * as tf from '@tensorflow/tfjs-core'
import { composedBackward, type Saved } from './composed/backward.ts'
import { composedForward } from './composed/forward.ts'
import { composedSecond, type SavedTwice } from './composed/second.ts'
import { type KernelInputs, type Problem, problemOf } from './options.ts'

/** Kernel names a backend may register, as `flash-attn-tfjs/wasm` does. Inputs query, key, value, and with segments both ids; outputs out, logSumExp. */
export const FORWARD = 'FlashAttention'
/** Inputs of the forward kernel and out, logSumExp, dOut, and dLogSumExp where it is not 0; outputs dQuery, dKey, dValue. */
export const BACKWARD = 'FlashAttentionGrad'
/** Of the wasm kernels only: forward, onto the keys and values of a cache, which gets those of the queries first (./wasm/cached.ts). */
export const CACHED = 'FlashAttentionCached'
/** Head dims that such kernels take; above, attention is composed. */
const MAX_HEAD_DIM = 256

// What flashAttention runs are kernels of its own, which call the backend's or compose tfjs ops: only a kernel may save outputs for
// its gradient that the caller never sees, and what happens inside leaves nothing on the tape.
type Attrs = Pick<Problem, 'causal' | 'scale' | 'window' | 'softcap'> & {
  /** Whether anybody uses logSumExp, and so its gradient. */
  readonly withLogSumExp: boolean
}

/** A kernel of our own; with segments it has a second name, because tfjs saves a fixed list of inputs for each. */
interface Op {
  readonly name: string
  readonly run: (inputs: Record<string, tf.Tensor>, attrs: Attrs) => tf.Tensor[]
  /** Outputs that the gradient gets as well as the inputs. */
  readonly saves: readonly string[]
  readonly gradients: (dys: tf.Tensor[], saved: Record<string, tf.Tensor>, attrs: Attrs) => Record<string, tf.Tensor>
}

const ATTENTION: Op = {
  name: 'FlashAttentionOp',
  run(inputs, attrs) {
    const tensors = inputs as unknown as KernelInputs
    if (hasKernel(FORWARD, tensors)) return runKernel(FORWARD, inputs, attrs)
    return composedForward(problemOf(tensors, attrs), tensors.query, tensors.key, tensors.value)
  },
  saves: ['out', 'logSumExp'],
  gradients([dOut, dLogSumExp], saved, attrs) {
    const [query, key, value] = runOp(GRADIENT, { ...saved, dOut: dOut!, dLogSumExp: dLogSumExp! }, attrs)
    return { query: query!, key: key!, value: value! }
  },
}

const GRADIENT: Op = {
  name: 'FlashAttentionGradOp',
  run(inputs, attrs) {
    const tensors = inputs as unknown as KernelInputs & Saved
    if (!hasKernel(BACKWARD, tensors)) return composedBackward(problemOf(tensors, attrs), tensors)
    const { dLogSumExp, ...others } = inputs
    return runKernel(BACKWARD, attrs.withLogSumExp ? inputs : others, attrs)
  },
  saves: [],
  // tfjs records a saved output before the kernel that made it, so that no gradient can flow through it: out and logSumExp are
  // constants to the tape, and what they add is part of the gradients of query, key and value
  gradients([ddQuery, ddKey, ddValue], saved, attrs) {
    const inputs = { ...saved, ddQuery: ddQuery!, ddKey: ddKey!, ddValue: ddValue! }
    const [query, key, value, dOut, dLogSumExp] = runOp(SECOND, inputs, attrs)
    return { query: query!, key: key!, value: value!, dOut: dOut!, dLogSumExp: dLogSumExp! }
  },
}

const SECOND: Op = {
  name: 'FlashAttentionSecondOp',
  run(inputs, attrs) {
    const tensors = inputs as unknown as KernelInputs & SavedTwice
    return composedSecond(problemOf(tensors, attrs), tensors)
  },
  saves: [],
  gradients() {
    throw new Error('flashAttention: third derivatives are not available; take at most two gradients through it.')
  },
}

/** Runs the forward pass on the current backend. Returns out `[B, T, H, D]` and log-sum-exp `[B, H, T]`, +∞ in rows that see no key. */
export function runFlashAttention(
  { causal, scale, window, softcap, segments }: Problem,
  query: tf.Tensor,
  key: tf.Tensor,
  value: tf.Tensor,
  withLogSumExp: boolean,
): [out: tf.Tensor4D, logSumExp: tf.Tensor3D] {
  const ids = segments ? { querySegmentIds: segments.query, keySegmentIds: segments.key } : {}
  return runOp(ATTENTION, { query, key, value, ...ids }, { causal, scale, window, softcap, withLogSumExp }) as [tf.Tensor4D, tf.Tensor3D]
}

/** Runs an op, registered for the backend at first use. */
function runOp(op: Op, inputs: Record<string, tf.Tensor>, attrs: Attrs): tf.Tensor[] {
  const kernelName = 'querySegmentIds' in inputs ? `${op.name}Segments` : op.name
  const backendName = tf.getBackend()
  if (!tf.getKernel(kernelName, backendName)) {
    const kernelFunc: tf.KernelFunc = ({ inputs, attrs }) => op.run(inputs as Record<string, tf.Tensor>, attrs as unknown as Attrs)
    tf.registerKernel({ kernelName, backendName, kernelFunc })
  }
  if (!tf.getGradient(kernelName)) {
    const inputsToSave = Object.keys(inputs)
    const savedNames = [...inputsToSave, ...op.saves]
    tf.registerGradient({
      kernelName,
      inputsToSave,
      outputsToSave: op.saves.map(() => true),
      gradFunc(dys, tensors, attrs) {
        const saved = Object.fromEntries(savedNames.map((name, i) => [name, tensors[i]!]))
        const gradients = op.gradients(dys as tf.Tensor[], saved, attrs as unknown as Attrs)
        return Object.fromEntries(Object.entries(gradients).map(([name, gradient]) => [name, () => gradient]))
      },
    })
  }
  return runKernel(kernelName, inputs, attrs)
}

/**
 * Puts kernels in the place of those that the current backend may have; returns what takes them out again, once, and leaves those of a
 * later call alone.
 */
export function replaceKernels(kernels: readonly (readonly [kernelName: string, kernelFunc: tf.KernelFunc])[]): () => void {
  const backendName = tf.getBackend()
  const configs = kernels.map(([kernelName, kernelFunc]) => ({ kernelName, backendName, kernelFunc }))
  for (const config of configs) {
    if (tf.getKernel(config.kernelName, backendName)) tf.unregisterKernel(config.kernelName, backendName)
    tf.registerKernel(config)
  }
  return () => {
    for (const { kernelName, kernelFunc } of configs) {
      if (tf.getKernel(kernelName, backendName)?.kernelFunc === kernelFunc) tf.unregisterKernel(kernelName, backendName)
    }
  }
}

function hasKernel(name: string, { query }: KernelInputs): boolean {
  return query.shape[3]! <= MAX_HEAD_DIM && tf.getKernel(name, tf.getBackend()) !== undefined
}

function runKernel(name: string, inputs: Record<string, tf.Tensor>, attrs: Attrs): tf.Tensor[] {
  return tf.engine().runKernel(name, inputs, { ...attrs }) as tf.Tensor[]
}
