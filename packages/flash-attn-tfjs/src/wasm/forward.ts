import type { TensorInfo } from '@tensorflow/tfjs-core'
import type { KernelModule, WasmHeap } from 'wasm-heap-tfjs'
import { type KernelInputs, problemOf } from '../options.ts'
import { addresses, chunkRowsOf, PROBLEM_BYTES, writeProblem } from './problem.ts'
import { withScratch } from './scratch.ts'
import { prepareSegments } from './segments.ts'

/** out `[B, T, H, D]` and log-sum-exp `[B, H, T]`; a task is a chunk of query rows of a head. */
export function forwardKernel(heap: WasmHeap, kernels: KernelModule, inputs: KernelInputs, attrs: object | undefined): TensorInfo[] {
  const problem = problemOf(inputs, attrs)
  const { B, T, H, D } = problem
  const { query, key, value } = inputs
  return withScratch(heap, (scratch) => {
    const out = scratch.makeOutput(query.shape)
    const logSumExp = scratch.makeOutput([B, H, T])
    const address = scratch.allocate(PROBLEM_BYTES)
    const chunkRows = chunkRowsOf(problem)
    const scratchBytes = kernels.exports.forwardScratch!(D, chunkRows)
    const fields = {
      ...prepareSegments(heap, kernels, problem, scratch),
      scratch: scratch.allocate(kernels.threads * scratchBytes),
      scratchBytes,
      chunkRows,
      ...addresses(heap, { query, key, value, out, logSumExp }),
    }
    writeProblem(heap, address, problem, fields)
    kernels.run('flashForward', B * H * Math.ceil(T / chunkRows), [address])
    return [out, logSumExp]
  })
}
