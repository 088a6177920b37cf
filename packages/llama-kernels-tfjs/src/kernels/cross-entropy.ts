import type { TensorInfo } from '@tensorflow/tfjs-core'
import { expectShape, type Inputs, input, type Kernel, type KernelContext, produce, withScratch } from '../context.ts'
import { multiply } from './matmul.ts'
import { type Choice, chooseRows, countOf, forRows } from './rows.ts'

interface Attrs {
  readonly labelSmoothing?: number
  readonly zLoss?: number
  /** false: the weight is frozen, and dWeight is left out. */
  readonly weightGradient?: boolean
}

/**
 * `LinearCrossEntropy`: losses [N], logSumExp [N] of the logits hidden·weightᵀ, which are never stored. Rows whose `weights` are 0 are
 * not computed; both outputs are 0 there.
 */
export const linearCrossEntropy: Kernel = (context, inputs, attrs) => {
  const { heap, kernels, scratch, scratchBytes, table } = context
  const { hidden, weight, targets, N, C, V, choice } = readInputs('LinearCrossEntropy', context, inputs, inputs.weights && 'weights')
  const { labelSmoothing = 0, zLoss = 0 }: Attrs = attrs
  return produce(heap, [[N], [N]], (losses, logSumExp) => {
    const rows = [rowsOf(heap.address(hidden), C), rowsOf(heap.address(targets))]
    forRows(heap, choice, 4096, rows, [rowsOf(losses!), rowsOf(logSumExp!)], (count, [h, t], results) => {
      const args = [h!, heap.address(weight), t!, ...results, count, C, V, labelSmoothing, zLoss, scratch, scratchBytes, table]
      kernels.run('crossEntropy', Math.ceil(count / kernels.exports.crossEntropyRows!()), args)
    })
  })
}

/** `LinearCrossEntropyGrad`: dHidden [N, C], dWeight [V, C] unless `weightGradient` is false. Rows whose `dLosses` are 0 are not computed; their dHidden is 0. */
export const linearCrossEntropyGrad: Kernel = (context, inputs, attrs) => {
  const { heap, kernels, scratch, scratchBytes, table } = context
  const name = 'LinearCrossEntropyGrad'
  const logSumExp = input(name, inputs, 'logSumExp')
  const { hidden, weight, targets, factors, N, C, V, choice } = readInputs(name, context, inputs, 'dLosses')
  expectShape(name, 'logSumExp', logSumExp, [N])
  const { labelSmoothing = 0, zLoss = 0, weightGradient = true }: Attrs = attrs
  return produce(heap, [hidden.shape, ...(weightGradient ? [weight.shape] : [])], (dHidden, dWeight = 0) => {
    const w = heap.address(weight)
    const rows = [rowsOf(heap.address(hidden), C), ...[targets, logSumExp, factors!].map((tensor) => rowsOf(heap.address(tensor)))]
    withLogits(context, { choice, C, V, dWeight }, (most, dLogits) => {
      forRows(heap, choice, most, rows, [rowsOf(dHidden!, C)], (count, [h, ...vectors], [dh], accumulate) => {
        const args = [h!, w, ...vectors, dLogits, dWeight, count, C, V, accumulate, labelSmoothing, zLoss, scratch, scratchBytes, table]
        kernels.run('crossEntropyGradWeight', tilesOf(context, V), args)
        multiply(context, { a: dLogits, b: w, c: dh!, rows: count, cols: C, depth: V })
      })
    })
  })
}

/**
 * `LinearCrossEntropyWithGrad`: losses [N] and the gradients of Σ dLosses·losses, dHidden [N, C] and dWeight [V, C], at once: three
 * products of size N·C·V where the two kernels above take four; two where `weightGradient` is false, without dWeight. Rows whose `dLosses` are 0 are not computed; all is 0 there.
 */
export const linearCrossEntropyWithGrad: Kernel = (context, inputs, attrs) => {
  const { heap, kernels, scratch, scratchBytes, table } = context
  const { hidden, weight, targets, factors, N, C, V, choice } = readInputs('LinearCrossEntropyWithGrad', context, inputs, 'dLosses')
  const { labelSmoothing = 0, zLoss = 0, weightGradient = true }: Attrs = attrs
  const tiles = tilesOf(context, V)
  return produce(heap, [[N], hidden.shape, ...(weightGradient ? [weight.shape] : [])], (losses, dHidden, dWeight = 0) => {
    const w = heap.address(weight)
    const rows = [rowsOf(heap.address(hidden), C), rowsOf(heap.address(targets)), rowsOf(heap.address(factors!))]
    withLogits(context, { choice, C, V, dWeight }, (most, d) => {
      withScratch(heap, 4 * most * tiles * kernels.exports.crossEntropyStats!(), (stats) => {
        forRows(heap, choice, most, rows, [rowsOf(losses!), rowsOf(dHidden!, C)], (count, [h, t, g], [loss, dh], accumulate) => {
          kernels.run('crossEntropyExponentials', tiles, [h!, w, t!, loss!, d, stats, count, C, V, scratch, scratchBytes, table])
          kernels.exports.crossEntropyJoin!(stats, loss!, g!, count, V, labelSmoothing, zLoss, table)
          const args = [h!, t!, g!, d, stats, dWeight, count, C, V, accumulate, labelSmoothing, scratch, scratchBytes]
          kernels.run('crossEntropyWeight', tiles, args)
          multiply(context, { a: d, b: w, c: dh!, rows: count, cols: C, depth: V })
        })
      })
    })
  })
}

const rowsOf = (address: number, columns = 1) => ({ address, columns })

const tilesOf = ({ kernels }: KernelContext, V: number) => Math.ceil(V / kernels.exports.crossEntropyCols!())

/**
 * Rows go in chunks whose logit gradients [rows, V] are made once, used for both gradients, and forgotten: the memory is that of one
 * chunk, 8 MiB or 128 rows, whatever N is.
 */
function withLogits(
  { heap }: KernelContext,
  { choice, C, V, dWeight }: { choice: Choice; C: number; V: number; dWeight: number },
  body: (most: number, dLogits: number) => void,
): void {
  const count = countOf(choice)
  if (count === 0 && dWeight !== 0) new Float32Array(heap.memory.buffer, dWeight, V * C).fill(0)
  const most = Math.max(1, Math.min(count, 1024, Math.max(128, Math.floor(2 ** 21 / V / 4) * 4)))
  withScratch(heap, most * V * 4, (dLogits) => body(most, dLogits))
}

interface Problem {
  readonly hidden: TensorInfo
  readonly weight: TensorInfo
  readonly targets: TensorInfo
  /** [N], where given. */
  readonly factors: TensorInfo | undefined
  readonly N: number
  readonly C: number
  readonly V: number
  /** The rows whose factor is not 0. */
  readonly choice: Choice
}

/** Checks everything before anything is allocated. */
function readInputs(kernel: string, { heap }: KernelContext, inputs: Inputs, factorsName: string | undefined): Problem {
  const hidden = input(kernel, inputs, 'hidden')
  const weight = input(kernel, inputs, 'weight')
  const targets = input(kernel, inputs, 'targets', 'int32')
  const factors = factorsName === undefined ? undefined : input(kernel, inputs, factorsName)
  const [N = 0, C = 0] = hidden.shape
  const V = weight.shape[0] ?? 0
  expectShape(kernel, 'hidden', hidden, [N, C])
  expectShape(kernel, 'weight', weight, [V, C])
  expectShape(kernel, 'targets', targets, [N])
  if (factors) expectShape(kernel, factorsName!, factors, [N])
  const choice = chooseRows(N, factors && new Float32Array(heap.memory.buffer, heap.address(factors), N))
  const ids = new Int32Array(heap.memory.buffer, heap.address(targets), N)
  for (let k = 0; k < countOf(choice); k++) {
    const row = choice.active?.[k] ?? k
    const id = ids[row]!
    if (id < 0 || id >= V) {
      throw new RangeError(`${kernel}: target ${row} is ${id}; targets must be below V = ${V}. Give rows that do not count weight 0.`)
    }
  }
  return { hidden, weight, targets, factors, N, C, V, choice }
}
