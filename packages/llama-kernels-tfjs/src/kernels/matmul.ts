import { broadcast_util, type TensorInfo } from '@tensorflow/tfjs-core'
import { type Kernel, type KernelContext, sizeOf, withScratch } from '../context.ts'
import { type Blocks, cutProduct } from './blocks.ts'

interface Attrs {
  readonly transposeA: boolean
  readonly transposeB: boolean
  readonly activation?: string
  readonly leakyreluAlpha?: number
}

/** Numbers of `finishRow` in assembly/matmul.ts: all that tfjs has. */
const activations = ['linear', 'relu', 'relu6', 'prelu', 'leakyrelu', 'sigmoid', 'elu']

/**
 * `BatchMatMul` and `_FusedMatMul`: `activation(A·B + bias)` in every transposed, batched and broadcast form. Small products spend their
 * time here, so there are no closures and no copies of shapes on their way.
 */
export const matMul: Kernel = (context, inputs, attrs, stock) => {
  const { a, b, bias, preluActivationWeights: slopes } = inputs
  const { transposeA, transposeB, activation, leakyreluAlpha } = attrs as unknown as Attrs
  const code = activation === undefined ? 0 : activations.indexOf(activation)
  if (!isFloat(a) || !isFloat(b) || (bias && !isFloat(bias)) || (slopes && !isFloat(slopes)) || code < 0) return stock(inputs, attrs)
  const rowsA = fromEnd(a, 2)
  const colsA = fromEnd(a, 1)
  const rowsB = fromEnd(b, 2)
  const colsB = fromEnd(b, 1)
  const rows = transposeA ? colsA : rowsA
  const depth = transposeA ? rowsA : colsA
  const cols = transposeB ? rowsB : colsB
  if (depth !== (transposeB ? colsB : rowsB)) {
    throw new RangeError(
      `matMul: inner shapes differ: [${a.shape}]${transposeA ? ' transposed' : ''} times [${b.shape}]${transposeB ? ' transposed' : ''}.`,
    )
  }
  const shape = a.shape.length + b.shape.length === 4 ? [rows, cols] : [...outerShape(a.shape, b.shape), rows, cols]
  const added = bias ? vectorOf(bias, shape) : none
  const sloped = slopes ? vectorOf(slopes, shape) : none
  const { heap, kernels, scratch, scratchBytes, table } = context
  const output = heap.makeOutput(shape, 'float32')
  const size = shape.length === 2 ? rows * cols : sizeOf(shape)
  if (size === 0) return output
  const batch = size / (rows * cols)
  const blocks = cutProduct(rows, cols, depth, batch, kernels.threads)
  // biome-ignore format: one operand a line
  const args = [
    heap.address(a), transposeA ? 4 : colsA * 4, transposeA ? colsA * 4 : 4,
    heap.address(b), transposeB ? 4 : colsB * 4, transposeB ? colsB * 4 : 4,
    heap.address(output), rows, cols, depth, blocks.blockRows, blocks.blockCols,
    batchBytes(a, batch), batchBytes(b, batch), 0, scratch, scratchBytes,
    bias ? heap.address(bias) : 0, added.rowBytes, added.colBytes, code, leakyreluAlpha ?? 0,
    slopes ? heap.address(slopes) : 0, sloped.rowBytes, sloped.colBytes, table,
  ]
  try {
    const regular = args[aBatch]! >= 0 && args[bBatch]! >= 0 && !added.varies && !sloped.varies
    if (regular) runBlocks(context, blocks, args)
    else {
      withBatchOffsets(context, [a, b, bias, slopes], shape.slice(0, -2), (address) => {
        args[offsets] = address
        runBlocks(context, blocks, args)
      })
    }
  } catch (error) {
    heap.dispose(output)
    throw error
  }
  return output
}

/** Places in the list of arguments. */
const [aBatch, bBatch, offsets] = [12, 13, 14] as const

const isFloat = (tensor: TensorInfo | undefined): tensor is TensorInfo => tensor !== undefined && tensor.dtype === 'float32'

const fromEnd = ({ shape }: TensorInfo, place: number): number => shape[shape.length - place] ?? 1

/** Bytes from one matrix of the batch to the next: 0 for one that serves all, −1 where the steps differ (broadcasting of some axes). */
function batchBytes(tensor: TensorInfo, batch: number): number {
  if (tensor.shape.length === 2) return 0
  const own = sizeOf(tensor.shape) / matrixSize(tensor)
  return own === 1 ? 0 : own === batch ? 4 * matrixSize(tensor) : -1
}

const matrixSize = (tensor: TensorInfo) => fromEnd(tensor, 2) * fromEnd(tensor, 1)

const outerShape = (a: readonly number[], b: readonly number[]): number[] =>
  broadcast_util.assertAndGetBroadcastShape(a.slice(0, -2), b.slice(0, -2))

/** Steps through a tensor that is broadcast to the product: 0 along an axis that it does not have. */
interface Vector {
  readonly rowBytes: number
  readonly colBytes: number
  /** Whether matrices of the batch see different parts of it. */
  readonly varies: boolean
}
const none: Vector = { rowBytes: 0, colBytes: 0, varies: false }

/** @throws RangeError when it does not broadcast to the product */
function vectorOf(tensor: TensorInfo, shape: readonly number[]): Vector {
  const { shape: own } = tensor
  if (own.length > shape.length || own.some((size, axis) => size !== 1 && size !== shape[axis + shape.length - own.length])) {
    throw new RangeError(`matMul: bias or slopes of shape [${own}] do not broadcast to the product [${shape}].`)
  }
  const cols = fromEnd(tensor, 1)
  return {
    rowBytes: fromEnd(tensor, 2) > 1 ? cols * 4 : 0,
    colBytes: cols > 1 ? 4 : 0,
    varies: own.length > 2 && sizeOf(own) > matrixSize(tensor),
  }
}

/** Writes, for every matrix of the batch, where its operands start relative to A, B, bias and slopes. */
function withBatchOffsets(
  { heap }: KernelContext,
  operands: readonly (TensorInfo | undefined)[],
  outer: readonly number[],
  run: (address: number) => void,
): void {
  const batch = sizeOf(outer)
  withScratch(heap, batch * 16, (address) => {
    const offsets = new Uint32Array(heap.memory.buffer, address, batch * 4)
    for (const [place, tensor] of operands.entries()) {
      const bytes = tensor ? 4 * matrixSize(tensor) : 0
      const own = tensor ? tensor.shape.slice(0, -2) : []
      for (let index = 0; index < batch; index++) offsets[4 * index + place] = bytes * broadcastIndex(index, outer, own)
    }
    run(address)
  })
}

/** The flat index in `own` that broadcasting pairs with the flat index in `outer`. */
function broadcastIndex(index: number, outer: readonly number[], own: readonly number[]): number {
  let result = 0
  for (let axis = outer.length - 1, stride = 1; axis >= 0; axis--) {
    const size = own[axis - outer.length + own.length] ?? 1
    if (size > 1) result += (index % outer[axis]!) * stride
    stride *= size
    index = Math.floor(index / outer[axis]!)
  }
  return result
}

/** One plain row-major product C = A·B, for kernels that need it inside: addresses and shapes. */
export function multiply(
  context: KernelContext,
  { a, b, c, rows, cols, depth }: { a: number; b: number; c: number; rows: number; cols: number; depth: number },
): void {
  const blocks = cutProduct(rows, cols, depth, 1, context.kernels.threads)
  const product = [a, depth * 4, 4, b, cols * 4, 4, c, rows, cols, depth, blocks.blockRows, blocks.blockCols]
  const { scratch, scratchBytes, table } = context
  runBlocks(context, blocks, [...product, 0, 0, 0, scratch, scratchBytes, 0, 0, 0, 0, 0, 0, 0, 0, table])
}

function runBlocks({ kernels }: KernelContext, { tasks, alone }: Blocks, args: readonly number[]): void {
  if (alone) kernels.exports.matMulAlone!(tasks, ...args)
  else kernels.run('matMul', tasks, args)
}
