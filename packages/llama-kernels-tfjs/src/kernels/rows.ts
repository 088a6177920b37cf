import type { WasmHeap } from 'wasm-heap-tfjs'
import { withScratch } from '../context.ts'

/** Rows of 4-byte numbers, one after the other. */
export interface Rows {
  readonly address: number
  readonly columns: number
}

/** Which rows of a problem count. */
export interface Choice {
  readonly total: number
  /** Those of them that count; undefined for all. */
  readonly active: Int32Array | undefined
}

/** The rows whose factor is not 0. */
export function chooseRows(total: number, factors: Float32Array | undefined): Choice {
  if (!factors?.includes(0)) return { total, active: undefined }
  const active = new Int32Array(total)
  let count = 0
  for (const [row, factor] of factors.entries()) if (factor !== 0) active[count++] = row
  return { total, active: active.subarray(0, count) }
}

export const countOf = ({ total, active }: Choice): number => active?.length ?? total

/**
 * Runs `body` on the rows that count, at most `most` at a time, with the addresses of `inputs` and `outputs` and whether rows came
 * before. Where all count, rows are worked on in place; else they are copied together, and results back. Other rows of `outputs` get 0.
 */
export function forRows(
  heap: WasmHeap,
  { total, active }: Choice,
  most: number,
  inputs: readonly Rows[],
  outputs: readonly Rows[],
  body: (rows: number, inputs: number[], outputs: number[], accumulate: 0 | 1) => void,
): void {
  if (!active) {
    for (let first = 0; first < total; first += most) {
      const moved = ({ address, columns }: Rows) => address + 4 * first * columns
      body(Math.min(most, total - first), inputs.map(moved), outputs.map(moved), first > 0 ? 1 : 0)
    }
    return
  }
  for (const { address, columns } of outputs) new Float32Array(heap.memory.buffer, address, total * columns).fill(0)
  const height = Math.min(most, active.length)
  const all = [...inputs, ...outputs]
  withScratch(heap, 4 * height * all.reduce((sum, { columns }) => sum + columns, 0), (scratch) => {
    let next = scratch
    const packed = all.map(({ columns }): Rows => {
      const address = next
      next += 4 * height * columns
      return { address, columns }
    })
    const addresses = packed.map(({ address }) => address)
    for (let first = 0; first < active.length; first += most) {
      const rows = active.subarray(first, first + most)
      for (const [i, { address }] of inputs.entries()) moveRows(heap, packed[i]!, address, rows, 'together')
      body(rows.length, addresses.slice(0, inputs.length), addresses.slice(inputs.length), first > 0 ? 1 : 0)
      for (const [i, { address }] of outputs.entries()) moveRows(heap, packed[inputs.length + i]!, address, rows, 'apart')
    }
  })
}

function moveRows(heap: WasmHeap, { address, columns }: Rows, spread: number, rows: Int32Array, way: 'together' | 'apart'): void {
  const words = new Int32Array(heap.memory.buffer)
  for (const [position, row] of rows.entries()) {
    const [near, far] = [address / 4 + position * columns, spread / 4 + row * columns]
    if (way === 'together') words.copyWithin(near, far, far + columns)
    else words.copyWithin(far, near, near + columns)
  }
}
