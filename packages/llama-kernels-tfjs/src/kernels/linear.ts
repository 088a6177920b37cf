import type { TensorInfo } from '@tensorflow/tfjs-core'
import { expectShape, type Inputs, input, type Kernel, type KernelContext, produce, withScratch } from '../context.ts'

interface Attrs {
  readonly epsilon?: number
  readonly gated?: boolean
}

const name = 'LlamaLinears'
export const maxRows = 8
const smallMatrices = 2 ** 17 // elements read on one thread in the time it takes to wake another
const tasksPerThread = 12

/**
 * `LlamaLinears`: what one token, or a few, need of a layer's weights. With `h = x`, or with an input `norm` the RMSNorm of x:
 * `h·weightᵀ` for weight0 … weight2, or `residual + h·weight0ᵀ`, or with `gated` `silu(h·weight0ᵀ)·(h·weight1ᵀ)`. x [N, C], N ≤ 8.
 */
export const llamaLinears: Kernel = (context, inputs, attrs) => {
  const { epsilon = 0, gated = false } = attrs as unknown as Attrs
  const x = input(name, inputs, 'x')
  const [rows = 0, depth = 0] = x.shape
  if (x.shape.length !== 2 || rows < 1 || rows > maxRows) {
    throw new RangeError(`${name}: x has shape [${x.shape}]; it must be [N, C] with N from 1 to ${maxRows}. Use BatchMatMul for more rows.`)
  }
  const weights = weightsOf(inputs, depth)
  const sizes = weights.map(({ shape }) => shape[0]!)
  if (gated && sizes[1] !== sizes[0])
    throw new RangeError(`${name}: gated weights have ${sizes} rows; there must be two as long as another.`)
  const outputs = (gated ? sizes.slice(0, 1) : sizes).map((size) => [rows, size])
  if (inputs.residual) expectShape(name, 'residual', input(name, inputs, 'residual'), outputs[0]!)
  const { heap } = context
  const addresses = weights.map(heap.address)
  const residual = inputs.residual ? heap.address(inputs.residual) : 0
  return produce(heap, outputs, (...y) => {
    withNormed(context, inputs, x, epsilon, (address) => {
      const problem = { x: address, rows, depth, threads: context.kernels.threads }
      if (gated) runGated(context, problem, addresses, y[0]!, sizes[0]!)
      else runPlain(context, problem, addresses, y, sizes, residual)
    })
  })
}

function weightsOf(inputs: Inputs, depth: number): TensorInfo[] {
  const names = ['weight0', 'weight1', 'weight2'].filter((each, i) => i === 0 || inputs[each])
  return names.map((each) => {
    const weight = input(name, inputs, each)
    expectShape(name, each, weight, [weight.shape[0]!, depth])
    return weight
  })
}

/** Hands the address of x, or of its norm, to `body`. */
function withNormed({ heap, kernels }: KernelContext, inputs: Inputs, x: TensorInfo, epsilon: number, body: (x: number) => void): void {
  if (!inputs.norm) {
    body(heap.address(x))
    return
  }
  const norm = input(name, inputs, 'norm')
  const [rows, columns] = x.shape as [number, number]
  expectShape(name, 'norm', norm, [columns])
  withScratch(heap, 4 * rows * (columns + 1), (normed) => {
    const inverse = normed + 4 * rows * columns
    kernels.exports.rmsNorm!(0, 0, heap.address(x), heap.address(norm), normed, inverse, rows, columns, rows, epsilon)
    body(normed)
  })
}

interface Problem {
  readonly x: number
  readonly rows: number
  readonly depth: number
  readonly threads: number
}

function cut({ depth, threads }: Problem, size: number): { rowsPerTask: number; tasks: number } {
  if (threads === 1 || size * depth <= smallMatrices) return { rowsPerTask: size, tasks: 1 }
  const rowsPerTask = Math.max(8, Math.ceil(size / (threads * tasksPerThread)))
  return { rowsPerTask, tasks: Math.ceil(size / rowsPerTask) }
}

export function runPlain(
  { kernels }: KernelContext,
  problem: Problem,
  weights: readonly number[],
  outputs: readonly number[],
  sizes: readonly number[],
  residual: number,
): void {
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const { rowsPerTask, tasks } = cut(problem, total)
  const matrices = [0, 1, 2].flatMap((i) => [weights[i] ?? 0, outputs[i] ?? 0, sizes[i] ?? 0])
  kernels.run('linear', tasks, [problem.x, problem.rows, problem.depth, rowsPerTask, residual, ...matrices])
}

export function runGated(
  { heap, kernels, table }: KernelContext,
  problem: Problem,
  [gate, up]: readonly number[],
  output: number,
  size: number,
): void {
  const { rowsPerTask, tasks } = cut(problem, size)
  withScratch(heap, 4 * problem.threads * problem.rows * rowsPerTask, (scratch) => {
    kernels.run('gatedLinear', tasks, [problem.x, problem.rows, problem.depth, rowsPerTask, gate!, up!, output, size, scratch, table])
  })
}
