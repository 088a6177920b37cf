import * as tf from '@tensorflow/tfjs-core'
import { type KernelModule, type LoadOptions, loadKernels, type WasmHeap, wasmHeap } from 'wasm-heap-tfjs'
import { BACKWARD, CACHED, FORWARD, replaceKernels } from './kernel.ts'
import { simd as plainSimd, relaxedSimd } from './kernels.generated.ts'
import { backwardKernel } from './wasm/backward.ts'
import { cachedKernel } from './wasm/cached.ts'
import { forwardKernel } from './wasm/forward.ts'

export interface FlashAttentionOptions {
  /** Threads, the caller's included. Default: all cores on a shared heap (`shareWasmHeap` of wasm-heap-tfjs), 1 otherwise. */
  readonly threads?: number
  /** Fused multiply-add ('relaxed') or plain SIMD; 'auto' takes the first where the engine has it. */
  readonly simd?: 'auto' | 'relaxed' | 'simd'
}

export interface RegisteredFlashAttention {
  /** Takes the kernels out again; `flashAttention` is composed of tfjs ops from then on. A second call does nothing. */
  unregister(): void
  readonly threads: number
  readonly simd: 'relaxed' | 'simd'
}

/**
 * Registers the kernels `FlashAttention`, `FlashAttentionGrad` and `FlashAttentionCached` for tfjs-backend-wasm. They work on tfjs's own heap, without
 * copies and, where it is shared, on several threads; results do not depend on how many. Call it once, after
 * `await tf.setBackend('wasm')`; a second call replaces the first.
 *
 * The kernels throw a RangeError when the heap is full; nothing is left allocated then.
 * @throws TypeError when the current backend is not tfjs-backend-wasm
 * @throws RangeError for a number of threads that is not a positive integer, or above 1 on a heap that is not shared
 */
export function registerFlashAttention({ threads, simd = 'auto' }: FlashAttentionOptions = {}): RegisteredFlashAttention {
  const options: LoadOptions = threads === undefined ? { simd } : { threads, simd }
  const heap = wasmHeap(tf.backend())
  const kernels = loadKernels(heap, { simd: plainSimd, relaxedSimd }, options)
  const on = (name: string, kernel: Kernel) => [name, kernelFunc(name, kernel, heap, kernels)] as const
  const unregister = replaceKernels([
    on(FORWARD, (heap, kernels, inputs, attrs) => forwardKernel(heap, kernels, inputs, attrs)),
    on(BACKWARD, backwardKernel),
    on(CACHED, cachedKernel),
  ])
  return { unregister, threads: kernels.threads, simd: kernels.simd }
}

// biome-ignore lint/suspicious/noExplicitAny: tfjs hands over whatever the kernel of that name was called with
type Kernel = (heap: WasmHeap, kernels: KernelModule, inputs: any, attrs: any) => tf.TensorInfo | tf.TensorInfo[]

function kernelFunc(name: string, kernel: Kernel, heap: WasmHeap, kernels: KernelModule): tf.KernelFunc {
  return ({ inputs, attrs, backend }) => {
    if (wasmHeap(backend) !== heap) {
      throw new Error(`${name}: the wasm backend was replaced since registerFlashAttention(); call it again after tf.setBackend('wasm').`)
    }
    return kernel(heap, kernels, inputs, attrs)
  }
}
