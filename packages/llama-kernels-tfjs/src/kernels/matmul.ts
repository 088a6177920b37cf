import { broadcast_util, type TensorInfo } from '@tensorflow/tfjs-core'
import type { KernelModule } from 'wasm-heap-tfjs'
import { type Kernel, type KernelContext, produce, sizeOf, withScratch } from '../context.ts'
import { type Blocks, cutProduct } from './blocks.ts'

interface Attrs {
  readonly transposeA: boolean
  readonly transposeB: boolean
  readonly activation?: string
  readonly leakyreluAlpha?: number
}

/** Numbers of `finishRow` in assembly/matmul.ts; tfjs-wasm supports the same set. */
const activations = ['linear', 'relu', 'relu6', 'prelu', 'leakyrelu', 'sigmoid', 'elu']

/** `BatchMatMul` and `_FusedMatMul`: `activation(A·B + bias)` in every transposed, batched and broadcast form. */
export const matMul: Kernel = (context, inputs, attrs, stock) => {
  const { a, b, bias, preluActivationWeights: prelu } = inputs
  const { transposeA, transposeB, activation = 'linear', leakyreluAlpha = 0 } = attrs as unknown as Attrs
  const code = activations.indexOf(activation)
  if (!a || !b || a.dtype !== 'float32' || b.dtype !== 'float32' || code < 0) return stock() // refuses it in its own words
  const [rowsA = 0, colsA = 0] = a.shape.slice(-2)
  const [rowsB = 0, colsB = 0] = b.shape.slice(-2)
  const rows = transposeA ? colsA : rowsA
  const depth = transposeA ? rowsA : colsA
  const cols = transposeB ? rowsB : colsB
  if (depth !== (transposeB ? colsB : rowsB)) {
    throw new RangeError(
      `matMul: inner shapes differ: [${a.shape}]${transposeA ? ' transposed' : ''} times [${b.shape}]${transposeB ? ' transposed' : ''}.`,
    )
  }
  for (const vector of [bias, prelu]) {
    // one value per column, or one for all; anything else stays with the kernel that defines it
    if (vector && (vector.dtype !== 'float32' || ![1, cols].includes(sizeOf(vector.shape)))) return stock()
  }
  if (bias && bias.shape.length > 1) return stock()
  const outer = broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2))
  const blocks = cutProduct(rows, cols, depth, sizeOf(outer))
  const stridesA = transposeA ? [4, colsA * 4] : [colsA * 4, 4]
  const stridesB = transposeB ? [4, colsB * 4] : [colsB * 4, 4]
  return produce(context.heap, [[...outer, rows, cols]], (c) => {
    if (rows * cols * blocks.tasks === 0) return
    const { heap, kernels, scratch, scratchBytes, table } = context
    const run = (offsets: number) => {
      const at = (tensor: TensorInfo | undefined) => (tensor ? [heap.address(tensor), sizeOf(tensor.shape)] : [0, 0])
      const product = [heap.address(a), ...stridesA, heap.address(b), ...stridesB, c!, rows, cols, depth]
      const cut = [blocks.blockRows, blocks.blockCols, offsets, scratch, scratchBytes]
      runBlocks(kernels, blocks, [...product, ...cut, ...at(bias), code, leakyreluAlpha, ...at(prelu), table])
    }
    if (sizeOf(outer) === 1) run(0)
    else withBatchOffsets(context, a, b, outer, run)
  })[0]!
}

/** Writes, for every matrix of the batch, where its two operands start relative to A and B. */
function withBatchOffsets(
  { heap }: KernelContext,
  a: TensorInfo,
  b: TensorInfo,
  outer: readonly number[],
  run: (address: number) => void,
): void {
  const batch = sizeOf(outer)
  withScratch(heap, batch * 8, (address) => {
    const offsets = new Uint32Array(heap.memory.buffer, address, batch * 2)
    for (const [side, tensor] of [a, b].entries()) {
      const bytes = 4 * sizeOf(tensor.shape.slice(-2))
      const own = tensor.shape.slice(0, -2)
      for (let index = 0; index < batch; index++) offsets[2 * index + side] = bytes * broadcastIndex(index, outer, own)
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
  { kernels, scratch, scratchBytes, table }: KernelContext,
  { a, b, c, rows, cols, depth }: { a: number; b: number; c: number; rows: number; cols: number; depth: number },
): void {
  const blocks = cutProduct(rows, cols, depth, 1)
  const product = [a, depth * 4, 4, b, cols * 4, 4, c, rows, cols, depth]
  runBlocks(kernels, blocks, [...product, blocks.blockRows, blocks.blockCols, 0, scratch, scratchBytes, 0, 0, 0, 0, 0, 0, table])
}

function runBlocks(kernels: KernelModule, { tasks, alone }: Blocks, args: readonly number[]): void {
  if (alone) for (let task = 0; task < tasks; task++) kernels.exports.matMul!(task, 0, ...args)
  else kernels.run('matMul', tasks, args)
}
