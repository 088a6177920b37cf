import { availableParallelism } from 'node:os'
import * as wasm from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { registerFlashAttention } from 'flash-attn-tfjs/wasm'

/** Starts tfjs-wasm with our kernels; returns one line for a person. */
export async function startEngine(threads = availableParallelism()): Promise<string> {
  // package names in variables: llama-model works without them, and depends on neither
  const heap = await optional('wasm-heap-tfjs')
  const shared = threads > 1 && (await heap?.shareWasmHeap(wasm))
  if (!(await tf.setBackend('wasm'))) throw new Error('tfjs-backend-wasm does not start here; Node ≥ 20.19 is needed.')
  const own = { threads: shared ? threads : 1 }
  const attention = registerFlashAttention(own)
  const kernels = await optional('llama-kernels-tfjs')
  kernels?.registerTrainingKernels(own)
  const hint = kernels ? '' : '; `npm install llama-kernels-tfjs` makes it faster'
  return `tfjs-wasm, ${attention.threads} thread${attention.threads > 1 ? 's' : ''}${hint}`
}

// biome-ignore lint/suspicious/noExplicitAny: a module that may not be there
async function optional(name: string): Promise<any> {
  try {
    return await import(name)
  } catch {
    return undefined
  }
}
