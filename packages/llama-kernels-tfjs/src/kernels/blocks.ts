/** How one matrix product is cut into tasks. */
export interface Blocks {
  readonly blockRows: number
  readonly blockCols: number
  readonly tasks: number
  /** Too small to wake a second thread for. */
  readonly alone: boolean
}

const smallProduct = 2 ** 20 // multiply-adds; about 40 µs, below which a second thread costs more than it brings
const smallMatrix = 2 ** 17 // elements of a matrix that is read once, for a few vectors: as long
const fewRows = 8 // as in ../../assembly/matmul.ts
const tasksPerThread = 8
const goodBlock = 256 // every task packs its own operands, for this many rows or columns at a small price
const smallestBlock = 64 // and for fewer than this at too high a one

/**
 * Halves the longer side of the block until every thread has some tasks. Sides stay multiples of 8, the micro-kernel's width. How it is
 * cut does not show in the result: every element is summed in the same order.
 */
export function cutProduct(rows: number, cols: number, depth: number, batch: number, threads: number): Blocks {
  const isVector = rows <= fewRows || cols === 1
  const small = isVector ? batch * Math.max(rows, cols) * depth <= smallMatrix : batch * rows * cols * depth <= smallProduct
  if (threads === 1 || small) return { blockRows: rows, blockCols: cols, tasks: batch, alone: true }
  let blockRows = rows
  let blockCols = cols
  let tasks = batch
  for (const [smallest, wanted] of [
    [goodBlock, threads * tasksPerThread],
    [isVector ? 16 : smallestBlock, threads * 4],
  ] as const) {
    while (tasks < wanted && Math.max(blockRows, blockCols) > smallest) {
      if (blockRows >= blockCols) blockRows = half(blockRows)
      else blockCols = half(blockCols)
      tasks = batch * Math.ceil(rows / blockRows) * Math.ceil(cols / blockCols)
    }
  }
  return { blockRows, blockCols, tasks, alone: tasks === 1 }
}

const half = (size: number) => Math.ceil(size / 16) * 8
