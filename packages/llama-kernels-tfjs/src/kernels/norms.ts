import type { TensorInfo } from '@tensorflow/tfjs-core'
import { type Inputs, input, type Kernel, type KernelContext, produce, sizeOf, withScratch } from '../context.ts'

const block = 2 ** 15 // elements per task

/** `SquaredNorms` of an array of tensors of any shapes: Σ x² of each, float32 [number of tensors]. */
export const squaredNorms: Kernel = (context, inputs) => {
  const tensors = list('SquaredNorms', inputs)
  return produce(context.heap, [[tensors.length]], (address) => {
    const squares = squaresOf(context, tensors)
    new Float32Array(context.heap.memory.buffer, address!, tensors.length).set(squares)
  })[0]!
}

/**
 * `ClipByGlobalNorm` of an array of tensors: each times min(1, maxNorm / (norm + 1e-6)), then the norm itself. Where nothing is
 * clipped the outputs share the data of the inputs.
 */
export const clipByGlobalNorm: Kernel = (context, inputs, attrs) => {
  const { heap, kernels } = context
  const { maxNorm } = attrs as unknown as { readonly maxNorm: number }
  const tensors = list('ClipByGlobalNorm', inputs)
  const norm = Math.sqrt(squaresOf(context, tensors).reduce((sum, square) => sum + square, 0))
  const factor = maxNorm / (norm + 1e-6)
  const shapes = factor >= 1 ? [] : tensors.map(({ shape }) => shape)
  const outputs = produce(heap, [[], ...shapes], (normAddress, ...addresses) => {
    new Float32Array(heap.memory.buffer, normAddress!, 1)[0] = norm
    for (const [i, address] of addresses.entries()) {
      const size = sizeOf(tensors[i]!.shape)
      kernels.run('scale', Math.ceil(size / block), [heap.address(tensors[i]!), address, size, block, factor])
    }
  })
  const [scalar, ...clipped] = outputs
  return [...(factor >= 1 ? tensors.map(heap.alias) : clipped), scalar!]
}

const list = (kernel: string, inputs: Inputs): TensorInfo[] => Object.keys(inputs).map((name) => input(kernel, inputs, name))

/** Added block by block in float64, always in the same order. */
function squaresOf({ heap, kernels }: KernelContext, tensors: readonly TensorInfo[]): Float64Array {
  const squares = new Float64Array(tensors.length)
  const mostTasks = Math.max(1, ...tensors.map(({ shape }) => Math.ceil(sizeOf(shape) / block)))
  withScratch(heap, mostTasks * 8, (partial) => {
    for (const [i, tensor] of tensors.entries()) {
      const size = sizeOf(tensor.shape)
      const tasks = Math.ceil(size / block)
      kernels.run('squaredNorm', tasks, [heap.address(tensor), partial, size, block])
      for (const sum of new Float64Array(heap.memory.buffer, partial, tasks)) squares[i]! += sum
    }
  })
  return squares
}
