import * as tf from '@tensorflow/tfjs-core'
import { composedBackward } from './composed/backward.ts'
import { composedForward } from './composed/forward.ts'
import { type KernelInputs, type Problem, problemOf } from './options.ts'

/** Kernel names a backend may register; `flash-attn-tfjs/wasm` does so for 'wasm'. Inputs query, key, value, and with segments both ids. */
export const FORWARD = 'FlashAttention'
/** Inputs of the forward kernel and out, logSumExp, dOut; outputs dQuery, dKey, dValue. */
export const BACKWARD = 'FlashAttentionGrad'

// What flashAttention runs: a kernel, so that tfjs saves both outputs for the gradient (a customGrad may save only what it
// returns), which calls the backend's own kernel or composes tfjs ops. tfjs names the inputs to save per kernel, hence two.
const OPS = {
  FlashAttentionOp: ['query', 'key', 'value'],
  FlashAttentionSegmentsOp: ['query', 'key', 'value', 'querySegmentIds', 'keySegmentIds'],
}

/** Runs the forward pass on the current backend; differentiable. Returns out `[B, T, H, D]` and log-sum-exp `[B, H, T]`. */
export function runFlashAttention(problem: Problem, query: tf.Tensor, key: tf.Tensor, value: tf.Tensor): [out: tf.Tensor, lse: tf.Tensor] {
  registerOps(tf.getBackend())
  const { segments } = problem
  if (segments === null) return run('FlashAttentionOp', { query, key, value }, problem) as [tf.Tensor, tf.Tensor]
  const inputs = { query, key, value, querySegmentIds: segments.query, keySegmentIds: segments.key }
  return run('FlashAttentionSegmentsOp', inputs, problem) as [tf.Tensor, tf.Tensor]
}

function registerOps(backendName: string): void {
  for (const [kernelName, inputsToSave] of Object.entries(OPS)) {
    if (tf.getKernel(kernelName, backendName) !== undefined) continue
    tf.registerKernel({ kernelName, backendName, kernelFunc: forward })
    if (tf.getGradient(kernelName) !== undefined) continue
    tf.registerGradient({ kernelName, inputsToSave, outputsToSave: [true, true], gradFunc: gradients })
  }
}

const forward: tf.KernelFunc = ({ inputs, attrs }) => {
  const tensors = inputs as unknown as KernelInputs
  const problem = problemOf(tensors, attrs)
  if (hasKernel(FORWARD)) return run(FORWARD, { ...tensors }, problem)
  return composedForward(problem, tensors.query, tensors.key, tensors.value)
}

const gradients: tf.GradFunc = (dys, saved, attrs) => {
  const dOut = (dys as tf.Tensor[])[0] as tf.Tensor
  const inputs = savedByName(saved)
  const problem = problemOf(inputs, attrs)
  const [query, key, value] = hasKernel(BACKWARD) ? run(BACKWARD, { ...inputs, dOut }, problem) : composedBackward(problem, inputs, dOut)
  return { query: () => query as tf.Tensor, key: () => key as tf.Tensor, value: () => value as tf.Tensor }
}

/** tfjs hands back the inputs to save, then the outputs. */
function savedByName(saved: tf.Tensor[]): KernelInputs & Record<'out' | 'logSumExp', tf.Tensor> {
  const [query, key, value] = saved as [tf.Tensor, tf.Tensor, tf.Tensor]
  const [out, logSumExp] = saved.slice(-2) as [tf.Tensor, tf.Tensor]
  const ids = saved.length === 7 ? { querySegmentIds: saved[3] as tf.Tensor, keySegmentIds: saved[4] as tf.Tensor } : {}
  return { query, key, value, ...ids, out, logSumExp }
}

function hasKernel(name: string): boolean {
  return tf.getKernel(name, tf.getBackend()) !== undefined
}

function run(name: string, inputs: Record<string, tf.Tensor>, { causal, scale, window, softcap }: Problem): tf.Tensor[] {
  return tf.engine().runKernel(name, inputs, { causal, scale, window, softcap }) as unknown as tf.Tensor[]
}
