import type { TensorInfo } from '@tensorflow/tfjs-core'
import type { WasmHeap } from 'wasm-heap-tfjs'

/** Allocations of one kernel call. */
export interface Scratch {
  allocate(bytes: number): number
  makeOutput(shape: readonly number[]): TensorInfo
}

/** Runs a kernel; frees its scratch on every path, and its outputs too when it throws. */
export function withScratch<Result>(heap: WasmHeap, kernel: (scratch: Scratch) => Result): Result {
  const blocks: number[] = []
  const outputs: TensorInfo[] = []
  const allocate = (bytes: number) => {
    const address = heap.allocate(bytes)
    blocks.push(address)
    return address
  }
  const makeOutput = (shape: readonly number[]) => {
    const output = heap.makeOutput(shape, 'float32')
    outputs.push(output)
    return output
  }
  try {
    return kernel({ allocate, makeOutput })
  } catch (error) {
    for (const output of outputs) heap.dispose(output)
    throw error
  } finally {
    for (const address of blocks) heap.free(address)
  }
}
