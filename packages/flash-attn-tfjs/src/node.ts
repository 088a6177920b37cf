import { availableParallelism } from 'node:os'
import * as tf from '@tensorflow/tfjs-core'
import { BACKWARD, FORWARD, replaceKernels } from './kernel.ts'
import { loadAddon, type Simd } from './node/addon.ts'
import { nodeBackend } from './node/backend.ts'
import { nodeKernels } from './node/kernels.ts'

export interface FlashAttentionOptions {
  /** Threads, the caller's included; 1 to 256. Default: as many as the process may use cores. */
  readonly threads?: number
  /** Instructions to use; 'auto' takes the widest that the processor has. */
  readonly simd?: 'auto' | Simd
}

export interface RegisteredFlashAttention {
  /** Takes the kernels out again; `flashAttention` is composed of tfjs ops from then on. A second call does nothing. */
  unregister(): void
  /** 0 where the native op is absent. */
  readonly threads: number
  /** 'none' where the native op is absent: `flashAttention` is composed of tfjs ops. */
  readonly simd: Simd | 'none'
}

const MAX_THREADS = 256
const SIMD: readonly Simd[] = ['avx512', 'avx2', 'simd128'] // from the widest to the one everywhere

/**
 * Registers the kernels `FlashAttention` and `FlashAttentionGrad` for tfjs-node, as TensorFlow ops compiled from C++. Results depend on
 * the instruction set, not on the number of threads. Call it once, with tfjs-node loaded; a second call replaces the first.
 *
 * The binary comes from the optional package flash-attn-tfjs-linux-x64, or from `npx flash-attn-tfjs build`. Where neither is there, and
 * on a GPU, `flashAttention` stays composed of tfjs ops, and the first call says so by `console.warn`.
 * @throws TypeError when the current backend is not tfjs-node's; Error where tfjs-node does not run on this Node
 * @throws RangeError for a number of threads that is not an integer from 1 to 256, or instructions that the processor does not have
 */
export function registerFlashAttention({
  threads = Math.min(availableParallelism(), MAX_THREADS),
  simd = 'auto',
}: FlashAttentionOptions = {}): RegisteredFlashAttention {
  const backend = nodeBackend(tf.backend())
  if (!(Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS)) {
    throw new RangeError(`registerFlashAttention: threads is ${threads}; pass an integer from 1 to ${MAX_THREADS}.`)
  }
  if (backend.isUsingGpuDevice) return composed('tfjs-node uses a GPU, and the native op is for CPUs.')
  const addon = loadAddon()
  if (typeof addon === 'string') return composed(addon)
  const available = SIMD.slice(SIMD.indexOf(addon.register()))
  const chosen = simd === 'auto' ? available[0] : available.find((name) => name === simd)
  if (chosen === undefined) {
    throw new RangeError(`registerFlashAttention: simd is '${simd}'; this processor has ${available.join(', ')}.`)
  }
  const kernels = nodeKernels(backend, { threads, simd: SIMD.indexOf(chosen) + 1 })
  const takeOut = replaceKernels([
    [FORWARD, kernels.forward],
    [BACKWARD, kernels.backward],
  ])
  const unregister = () => {
    takeOut()
    kernels.dispose()
  }
  return { unregister, threads, simd: chosen }
}

let told = false

function composed(reason: string): RegisteredFlashAttention {
  if (!told) console.warn(`flash-attn-tfjs/node: ${reason} Attention is composed of tfjs ops: the same results, slower.`)
  told = true
  return { unregister: () => {}, threads: 0, simd: 'none' }
}
