import type { TensorInfo } from '@tensorflow/tfjs-core'
import type { KernelModule, WasmHeap } from 'wasm-heap-tfjs'
import { type BackwardInputs, type Problem, problemOf } from '../options.ts'
import { addresses, BLOCK, chunkRowsOf, PROBLEM_BYTES, writeProblem } from './problem.ts'
import { withScratch } from './scratch.ts'
import { prepareSegments } from './segments.ts'

/** Tasks to cut each phase of a gradient into at least, where the shapes allow. */
const MIN_TASKS = 32

/** dQuery, dKey, dValue; a task is a part of the keys of a key head against a part of the queries of the heads that share it. */
export function backwardKernel(heap: WasmHeap, kernels: KernelModule, inputs: BackwardInputs, attrs: object | undefined): TensorInfo[] {
  const problem = problemOf(inputs, attrs)
  const { B, T, H, K, D } = problem
  const { query, key, value, out, logSumExp, dOut, dLogSumExp } = inputs
  const parts = partsOf(problem)
  const chunkRows = chunkRowsOf(problem)
  return withScratch(heap, (scratch) => {
    const [dQuery, dKey, dValue] = [query, key, value].map(({ shape }) => scratch.makeOutput(shape)) as [TensorInfo, TensorInfo, TensorInfo]
    const address = scratch.allocate(PROBLEM_BYTES)
    const scratchBytes = kernels.exports.backwardScratch!(D)
    const optional: Record<string, TensorInfo> = dLogSumExp ? { dLogSumExp } : {}
    const fields = {
      ...prepareSegments(heap, kernels, problem, scratch),
      delta: scratch.allocate(4 * B * H * T),
      parts,
      chunkRows,
      scratch: scratch.allocate(kernels.threads * scratchBytes),
      scratchBytes,
      ...addresses(heap, { query, key, value, out, logSumExp, dOut, dQuery, dKey, dValue, ...optional }),
    }
    writeProblem(heap, address, problem, fields)
    kernels.run('flashDelta', B * Math.ceil(T / chunkRows), [address])
    // in phase i, key part j meets query part j + i: no two tasks of a phase add to the same rows, so none needs a copy of a gradient
    for (let phase = 0; phase < parts; phase++) kernels.run('flashBackward', B * K * parts, [address, phase])
    return [dQuery, dKey, dValue]
  })
}

/** Parts of the queries, and of the keys. From the shapes alone, so that sums are the same on any number of threads. */
function partsOf({ B, K, S }: Problem): number {
  const partKeys = (B * K < 8 ? 2 : 4) * BLOCK
  return Math.min(Math.ceil(MIN_TASKS / (B * K)), Math.ceil(S / partKeys))
}
