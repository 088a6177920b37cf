import * as tf from '@tensorflow/tfjs-core'
import { type KernelModule, loadKernels, type WasmHeap, wasmHeap } from 'wasm-heap-tfjs'
import type { Inputs, Kernel, KernelContext, Stock } from './context.ts'
import { linearCrossEntropy, linearCrossEntropyGrad, linearCrossEntropyWithGrad } from './kernels/cross-entropy.ts'
import { adamWStep, swiGlu, swiGluGrad } from './kernels/elementwise.ts'
import { gather } from './kernels/gather.ts'
import { identity } from './kernels/identity.ts'
import { llamaLayer } from './kernels/layer.ts'
import { llamaLinears } from './kernels/linear.ts'
import { matMul } from './kernels/matmul.ts'
import { clipByGlobalNorm, squaredNorms } from './kernels/norms.ts'
import { rmsNorm, rmsNormGrad } from './kernels/rms-norm.ts'
import { rotaryEmbedding } from './kernels/rotary.ts'
import { unsortedSegmentSum } from './kernels/segment-sum.ts'
import { simd as plainSimd, relaxedSimd } from './kernels.generated.ts'

const trainingKernels = {
  BatchMatMul: matMul,
  _FusedMatMul: matMul,
  UnsortedSegmentSum: unsortedSegmentSum,
  GatherV2: gather,
  Identity: identity,
  RMSNorm: rmsNorm,
  RMSNormGrad: rmsNormGrad,
  LlamaLayer: llamaLayer,
  LlamaLinears: llamaLinears,
  SwiGLU: swiGlu,
  SwiGLUGrad: swiGluGrad,
  RotaryEmbedding: rotaryEmbedding,
  LinearCrossEntropy: linearCrossEntropy,
  LinearCrossEntropyGrad: linearCrossEntropyGrad,
  LinearCrossEntropyWithGrad: linearCrossEntropyWithGrad,
  AdamWStep: adamWStep,
  SquaredNorms: squaredNorms,
  ClipByGlobalNorm: clipByGlobalNorm,
} satisfies Record<string, Kernel>

/** The kernels, by the names tfjs finds them. The first five replace or complete tfjs's own. */
export type TrainingKernelName = keyof typeof trainingKernels

export interface KernelOptions {
  /** Threads, the caller's included. Default: all cores on a shared heap (`shareWasmHeap`), 1 otherwise. */
  readonly threads?: number
  /** Which kernels; default all. A pair must be named together: both products, and each kernel with its gradient. */
  readonly only?: readonly TrainingKernelName[]
  /** Fused multiply-add ('relaxed') or plain SIMD; 'auto' takes the first where the engine has it. */
  readonly simd?: 'auto' | 'relaxed' | 'simd'
}

export interface RegisteredKernels {
  /** Puts tfjs's own kernels back and frees the scratch. A second call does nothing. */
  unregister(): void
  readonly threads: number
  readonly simd: 'relaxed' | 'simd'
}

/** Overriding one product alone would leave the other with XNNPACK's cache of packed weights; a forward needs its backward. */
const pairs: readonly (readonly [TrainingKernelName, TrainingKernelName])[] = [
  ['BatchMatMul', '_FusedMatMul'],
  ['RMSNorm', 'RMSNormGrad'],
  ['SwiGLU', 'SwiGLUGrad'],
  ['LinearCrossEntropy', 'LinearCrossEntropyGrad'],
]

const registered = new WeakSet<object>()

/**
 * Makes the running tfjs-wasm backend fit for training: matrix products in every form, the gradient of `gather`, and the fused steps
 * of a Llama, on tfjs's own heap and, where that is shared, on several threads. Results do not depend on the number of threads.
 * Allocations that fail throw from now on, also those of tfjs itself, which would overwrite other tensors.
 *
 * Call it once, after `await tf.setBackend('wasm')`.
 *
 * @throws Error when the current backend is not wasm, or has these kernels already
 * @throws RangeError for unknown or incomplete names in `only`, or more than one thread on a heap that is not shared
 */
export function registerTrainingKernels({ threads, only, simd = 'auto' }: KernelOptions = {}): RegisteredKernels {
  const backendName = tf.getBackend()
  if (backendName !== 'wasm') {
    throw new Error(
      `registerTrainingKernels: the current backend is '${backendName}'; import '@tensorflow/tfjs-backend-wasm' and await tf.setBackend('wasm') first.`,
    )
  }
  const names = chooseNames(only)
  const backend = tf.backend()
  if (registered.has(backend)) {
    throw new Error('registerTrainingKernels: this backend has the kernels already; call unregister() of the first registration before.')
  }
  const heap = wasmHeap(backend)
  const kernels = loadKernels(heap, { simd: plainSimd, relaxedSimd }, threads === undefined ? { simd } : { threads, simd })
  const { context, release } = makeContext(heap, kernels)
  const restores = names.map((name) => override(name, trainingKernels[name], context, backend))
  const uncheck = heap.checkAllocations()
  registered.add(backend)
  return {
    threads: kernels.threads,
    simd: kernels.simd,
    unregister() {
      if (!registered.delete(backend)) return
      for (const restore of restores) restore()
      uncheck()
      release()
    },
  }
}

function chooseNames(only: readonly TrainingKernelName[] | undefined): TrainingKernelName[] {
  const all = Object.keys(trainingKernels) as TrainingKernelName[]
  const names = only ? all.filter((name) => only.includes(name)) : all
  const unknown = only?.find((name) => !(name in trainingKernels))
  if (unknown !== undefined) throw new RangeError(`registerTrainingKernels: only contains '${unknown}'; choose from ${all.join(', ')}.`)
  for (const pair of pairs) {
    const missing = pair.find((name) => !names.includes(name))
    if (missing !== undefined && pair.some((name) => names.includes(name))) {
      throw new RangeError(
        `registerTrainingKernels: only names one of ${pair.join(' and ')}; they must be named together, so add '${missing}'.`,
      )
    }
  }
  return names
}

/** Scratch that lives as long as the registration: no product can fail for lack of it. */
function makeContext(heap: WasmHeap, kernels: KernelModule): { context: KernelContext; release: () => void } {
  const tableBytes = 256
  const scratchBytes = Math.ceil(kernels.exports.scratchBytes!() / 64) * 64
  const table = heap.allocate(tableBytes + kernels.threads * scratchBytes)
  kernels.exports.initTable!(table)
  const context = { heap, kernels, table, scratch: table + tableBytes, scratchBytes }
  return { context, release: () => heap.free(table) }
}

/** Replaces one kernel of the wasm backend; returns what puts the former one back. */
function override(kernelName: string, kernel: Kernel, context: KernelContext, owner: object): () => void {
  const backendName = 'wasm'
  const former = tf.getKernel(kernelName, backendName)
  const stock: Stock = (inputs, attrs) => {
    if (!former) throw new TypeError(`${kernelName}: these inputs are not supported on wasm.`)
    return former.kernelFunc({ inputs: inputs as tf.NamedTensorInfoMap, attrs, backend: owner })
  }
  const kernelFunc: tf.KernelFunc = ({ inputs, attrs, backend }) => {
    if (backend !== owner) {
      throw new Error(`${kernelName}: the wasm backend was started anew; call registerTrainingKernels again.`)
    }
    return kernel(context, inputs as Inputs, attrs ?? {}, stock)
  }
  if (former) tf.unregisterKernel(kernelName, backendName)
  tf.registerKernel({ ...former, kernelName, backendName, kernelFunc })
  return () => {
    tf.unregisterKernel(kernelName, backendName)
    if (former) tf.registerKernel(former)
  }
}
