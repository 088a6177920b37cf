import type { TensorInfo } from '@tensorflow/tfjs-core'
import type { WasmHeap } from 'wasm-heap-tfjs'
import type { Problem } from '../options.ts'

/** Fields of `Problem` in ../../assembly/problem.ts, in its order; every one takes 4 bytes. */
const FIELDS = [
  ...['query', 'key', 'value', 'out', 'logSumExp', 'dOut', 'dLogSumExp', 'delta', 'dQuery', 'dKey', 'dValue'],
  ...['queryIds', 'keyIds', 'queryRanges', 'keyRanges', 'splits', 'scratch', 'scratchBytes'],
  ...['B', 'T', 'S', 'capacity', 'H', 'K', 'D', 'nearest', 'farthest', 'chunkRows', 'parts', 'scale', 'softcap'],
] as const
const IS_FLOAT = FIELDS.map((name) => name === 'scale' || name === 'softcap')

export const PROBLEM_BYTES = 4 * FIELDS.length

/** Rows of a tile in ../../assembly. */
export const BLOCK = 64
/** Further than any key; sums with it stay in 32 bits. */
const FAR = 2 ** 29

/** Query rows of a task: fewer where there would be few tasks. From the shapes alone. */
export function chunkRowsOf({ B, T, H, D }: Problem): number {
  let rows = D <= 128 ? 256 : 128
  while (rows > BLOCK && B * H * Math.ceil(T / rows) < 16) rows /= 2
  return rows
}

/** Writes a problem for the kernels; fields not given are 0. Call it after every allocation, which may replace the heap's buffer. */
export function writeProblem(heap: WasmHeap, address: number, problem: Problem, fields: Record<string, number>): void {
  const { causal, window } = problem
  const farthest = window > 0 ? window - 1 : FAR
  const all: Record<string, unknown> = { ...problem, capacity: problem.S, nearest: causal ? 0 : -farthest, farthest, ...fields }
  const words = new Uint32Array(heap.memory.buffer, address, FIELDS.length)
  const floats = new Float32Array(heap.memory.buffer, address, FIELDS.length)
  for (const [index, name] of FIELDS.entries()) {
    const value = (all[name] as number | undefined) ?? 0
    if (IS_FLOAT[index]) floats[index] = value
    else words[index] = value
  }
}

/** Addresses of tensors, by name. */
export function addresses(heap: WasmHeap, tensors: Record<string, Pick<TensorInfo, 'dataId'>>): Record<string, number> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, heap.address(tensor)]))
}
