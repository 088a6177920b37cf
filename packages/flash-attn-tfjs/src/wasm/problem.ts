import type { TensorInfo } from '@tensorflow/tfjs-core'
import type { WasmHeap } from 'wasm-heap-tfjs'
import type { Problem } from '../options.ts'

/** Fields of `Problem` in ../../assembly/problem.ts, in its order; every one takes 4 bytes. */
const FIELDS = [
  ...['query', 'key', 'value', 'out', 'logSumExp', 'dOut', 'dLogSumExp', 'delta', 'dQuery', 'dKey', 'dValue'],
  ...['dQueryParts', 'dKeyParts', 'dValueParts', 'queryIds', 'keyIds', 'queryRanges', 'keyRanges', 'scratch', 'scratchBytes'],
  ...['B', 'T', 'S', 'H', 'K', 'D', 'causal', 'window', 'chunkRows', 'groupSplits', 'keySplits', 'scale', 'softcap'],
] as const
const FLOATS: readonly string[] = ['scale', 'softcap']

export const PROBLEM_BYTES = 4 * FIELDS.length

/** Rows and columns of a tile, and query rows of a forward task, in ../../assembly. */
export const BLOCK = 64
export const CHUNK_ROWS = 256

/** Writes a problem for the kernels; fields not given are 0. Call it after every allocation, which may replace the heap's buffer. */
export function writeProblem(heap: WasmHeap, address: number, problem: Problem, fields: Record<string, number>): void {
  const all: Record<string, unknown> = { ...problem, causal: problem.causal ? 1 : 0, chunkRows: CHUNK_ROWS, ...fields }
  const view = new DataView(heap.memory.buffer, address, PROBLEM_BYTES)
  for (const [index, name] of FIELDS.entries()) {
    const value = (all[name] as number | undefined) ?? 0
    if (FLOATS.includes(name)) view.setFloat32(4 * index, value, true)
    else view.setUint32(4 * index, value, true)
  }
}

/** Addresses of tensors, by name. */
export function addresses(heap: WasmHeap, tensors: Record<string, Pick<TensorInfo, 'dataId'>>): Record<string, number> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, heap.address(tensor)]))
}
