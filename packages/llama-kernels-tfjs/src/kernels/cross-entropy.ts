import type { TensorInfo } from '@tensorflow/tfjs-core'
import { expectShape, type Inputs, input, type Kernel, type KernelContext, produce, withScratch } from '../context.ts'
import { multiply } from './matmul.ts'

/** `LinearCrossEntropy`: losses [N], logSumExp [N] of the logits hidden·weightᵀ, which are never stored. */
export const linearCrossEntropy: Kernel = (context, inputs) => {
  const { heap, kernels, scratch, scratchBytes, table } = context
  const { hidden, weight, targets, N, C, V } = readInputs('LinearCrossEntropy', context, inputs)
  return produce(heap, [[N], [N]], (losses, logSumExp) => {
    const arrays = [hidden, weight, targets].map(heap.address)
    const tasks = Math.ceil(N / kernels.exports.crossEntropyRows!())
    kernels.run('crossEntropy', tasks, [...arrays, losses!, logSumExp!, N, C, V, scratch, scratchBytes, table])
  })
}

/**
 * `LinearCrossEntropyGrad`: dHidden [N, C], dWeight [V, C]. Rows go in chunks whose logit gradients [rows, V] are made once, used for
 * both, and forgotten: the memory is that of one chunk, 8 MiB or 128 rows, whatever N is.
 */
export const linearCrossEntropyGrad: Kernel = (context, inputs) => {
  const { heap, kernels, scratch, scratchBytes, table } = context
  const { hidden, weight, targets, N, C, V } = readInputs('LinearCrossEntropyGrad', context, inputs)
  const logSumExp = input('LinearCrossEntropyGrad', inputs, 'logSumExp')
  const dLosses = input('LinearCrossEntropyGrad', inputs, 'dLosses')
  expectShape('LinearCrossEntropyGrad', 'logSumExp', logSumExp, [N])
  expectShape('LinearCrossEntropyGrad', 'dLosses', dLosses, [N])
  const chunk = Math.min(N, 1024, Math.max(128, Math.floor(2 ** 21 / V / 4) * 4))
  return produce(heap, [hidden.shape, weight.shape], (dHidden, dWeight) => {
    if (N === 0) new Float32Array(heap.memory.buffer, dWeight!, V * C).fill(0)
    withScratch(heap, chunk * V * 4, (dLogits) => {
      const [h, w, t, lse, g] = [hidden, weight, targets, logSumExp, dLosses].map(heap.address) as [number, number, number, number, number]
      const tasks = Math.ceil(V / kernels.exports.crossEntropyCols!())
      for (let first = 0; first < N; first += chunk) {
        const rows = Math.min(chunk, N - first)
        const vectors = [t, lse, g].map((address) => address + first * 4)
        const chunkArrays = [h + first * C * 4, w, ...vectors, dLogits, dWeight!]
        const sizes = [rows, C, V, first > 0 ? 1 : 0]
        kernels.run('crossEntropyGradWeight', tasks, [...chunkArrays, ...sizes, scratch, scratchBytes, table])
        multiply(context, { a: dLogits, b: w, c: dHidden! + first * C * 4, rows, cols: C, depth: V })
      }
    })
  })
}

interface Problem {
  readonly hidden: TensorInfo
  readonly weight: TensorInfo
  readonly targets: TensorInfo
  readonly N: number
  readonly C: number
  readonly V: number
}

function readInputs(kernel: string, { heap }: KernelContext, inputs: Inputs): Problem {
  const hidden = input(kernel, inputs, 'hidden')
  const weight = input(kernel, inputs, 'weight')
  const targets = input(kernel, inputs, 'targets', 'int32')
  const [N = 0, C = 0] = hidden.shape
  const V = weight.shape[0] ?? 0
  expectShape(kernel, 'hidden', hidden, [N, C])
  expectShape(kernel, 'weight', weight, [V, C])
  expectShape(kernel, 'targets', targets, [N])
  const ids = new Int32Array(heap.memory.buffer, heap.address(targets), N)
  for (let row = 0; row < N; row++) {
    const id = ids[row]!
    if (id < 0 || id >= V) {
      throw new RangeError(`${kernel}: target ${row} is ${id}; targets must be below V = ${V}. Give ignored rows target 0 and weight 0.`)
    }
  }
  return { hidden, weight, targets, N, C, V }
}
