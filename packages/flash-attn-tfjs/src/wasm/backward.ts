import type { TensorInfo } from '@tensorflow/tfjs-core'
import type { KernelModule, WasmHeap } from 'wasm-heap-tfjs'
import { type BackwardInputs, type Problem, problemOf } from '../options.ts'
import { addresses, BLOCK, CHUNK_ROWS, PROBLEM_BYTES, writeProblem } from './problem.ts'
import { withScratch } from './scratch.ts'
import { prepareSegments } from './segments.ts'

/** Tasks to cut a gradient into at least. Fewer (batch × key heads) are split; from the shapes alone, so that sums are the same on any number of threads. */
const MIN_TASKS = 8
/** Numbers a task of `sumParts` adds. */
const SUM_CHUNK = 16_384

/** dQuery, dKey, dValue; a task is a key head, or a share of its query heads, or of its key blocks. */
export function backwardKernel(heap: WasmHeap, kernels: KernelModule, inputs: BackwardInputs, attrs: object | undefined): TensorInfo[] {
  const problem = problemOf(inputs, attrs)
  const { B, T, H, K, D } = problem
  const { query, key, value, out, logSumExp, dOut, dLogSumExp } = inputs
  const { groupSplits, keySplits } = split(problem)
  return withScratch(heap, (scratch) => {
    const [dQuery, dKey, dValue] = [query, key, value].map(({ shape }) => scratch.makeOutput(shape)) as [TensorInfo, TensorInfo, TensorInfo]
    const parts = (numSplits: number, size: number) => (numSplits > 1 ? scratch.allocate(4 * (numSplits - 1) * size) : 0)
    const address = scratch.allocate(PROBLEM_BYTES)
    const scratchBytes = kernels.exports.backwardScratch!(D)
    const optional: Record<string, TensorInfo> = dLogSumExp ? { dLogSumExp } : {}
    const at = addresses(heap, { query, key, value, out, logSumExp, dOut, dQuery, dKey, dValue, ...optional })
    const fields = {
      ...prepareSegments(heap, kernels, problem, scratch),
      delta: scratch.allocate(4 * B * H * T),
      dQueryParts: parts(keySplits, query.size),
      dKeyParts: parts(groupSplits, key.size),
      dValueParts: parts(groupSplits, key.size),
      groupSplits,
      keySplits,
      scratch: scratch.allocate(kernels.threads * scratchBytes),
      scratchBytes,
      ...at,
    }
    writeProblem(heap, address, problem, fields)
    kernels.run('flashDelta', B * Math.ceil(T / CHUNK_ROWS), [address])
    kernels.run('flashBackward', B * K * groupSplits * keySplits, [address])
    const sum = (target: number, partsAt: number, numSplits: number, size: number) => {
      if (numSplits > 1) kernels.run('sumParts', Math.ceil(size / SUM_CHUNK), [target, partsAt, numSplits - 1, size])
    }
    sum(at.dQuery!, fields.dQueryParts, keySplits, query.size)
    sum(at.dKey!, fields.dKeyParts, groupSplits, key.size)
    sum(at.dValue!, fields.dValueParts, groupSplits, key.size)
    return [dQuery, dKey, dValue]
  })
}

function split({ B, K, G, S }: Problem): { groupSplits: number; keySplits: number } {
  const groupSplits = B * K >= MIN_TASKS ? 1 : G
  const keySplits = Math.min(Math.ceil(S / BLOCK), Math.ceil(MIN_TASKS / (B * K * groupSplits)))
  return { groupSplits, keySplits }
}
