/** How one matrix product is cut into tasks. It depends on the shape alone, so results do not depend on the number of threads. */
export interface Blocks {
  readonly blockRows: number
  readonly blockCols: number
  readonly tasks: number
  /** Too small to wake a second thread for. */
  readonly alone: boolean
}

const smallProduct = 2 ** 20 // multiply-adds; about 40 µs, below which a second thread costs more than it brings
const wantedTasks = 16
const enoughTasks = 8
const goodBlock = 256 // every task packs its own operands, for this many rows or columns at a small price
const smallestBlock = 64 // and for fewer than this at too high a one

/** Halves the longer side of the block until there are enough tasks. Sides stay multiples of 8, the micro-kernel's width. */
export function cutProduct(rows: number, cols: number, depth: number, batch: number): Blocks {
  if (batch * rows * cols * depth <= smallProduct) return { blockRows: rows, blockCols: cols, tasks: batch, alone: true }
  let blockRows = rows
  let blockCols = cols
  const tasks = () => batch * Math.ceil(rows / blockRows) * Math.ceil(cols / blockCols)
  for (const [smallest, wanted] of [
    [goodBlock, wantedTasks],
    [smallestBlock, enoughTasks],
  ] as const) {
    while (tasks() < wanted && Math.max(blockRows, blockCols) > smallest) {
      if (blockRows >= blockCols) blockRows = half(blockRows)
      else blockCols = half(blockCols)
    }
  }
  return { blockRows, blockCols, tasks: tasks(), alone: false }
}

const half = (size: number) => Math.ceil(size / 16) * 8
