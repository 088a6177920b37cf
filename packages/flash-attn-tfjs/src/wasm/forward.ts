import type { TensorInfo } from '@tensorflow/tfjs-core'
import type { KernelModule, WasmHeap } from 'wasm-heap-tfjs'
import { type KernelInputs, type Problem, problemOf } from '../options.ts'
import { addresses, chunkRowsOf, PROBLEM_BYTES, writeProblem } from './problem.ts'
import { type Scratch, withScratch } from './scratch.ts'
import { prepareSegments } from './segments.ts'

/** Query rows up to which keys and values are read where they lie, split over tasks. */
const FEW_ROWS = 8
/** Keys of such a split, as in ../../assembly/problem.ts. */
const SPLIT = 256
/** Fewer than this are merged before another thread has woken up. */
const FEW_NUMBERS = 2 ** 15

/** out `[B, T, H, D]` and log-sum-exp `[B, H, T]`; keys are the first `length` rows of each batch element, default all. */
export function forwardKernel(
  heap: WasmHeap,
  kernels: KernelModule,
  inputs: KernelInputs,
  attrs: object | undefined,
  length?: number,
): TensorInfo[] {
  const { S: capacity, ...others } = problemOf(inputs, attrs)
  const problem = { ...others, S: length ?? capacity }
  const { B, T, H } = problem
  const { query, key, value } = inputs
  return withScratch(heap, (scratch) => {
    const out = scratch.makeOutput(query.shape)
    const logSumExp = scratch.makeOutput([B, H, T])
    const address = scratch.allocate(PROBLEM_BYTES)
    const segments = prepareSegments(heap, kernels, problem, scratch)
    const { scratchBytes, fields, run } = T <= FEW_ROWS ? splitKeys(kernels, problem, scratch) : splitQueries(kernels, problem)
    const threads = scratch.allocate(kernels.threads * scratchBytes)
    const tensors = addresses(heap, { query, key, value, out, logSumExp })
    writeProblem(heap, address, problem, { capacity, ...segments, ...fields, scratch: threads, scratchBytes, ...tensors })
    run(address)
    return [out, logSumExp]
  })
}

interface Plan {
  readonly scratchBytes: number
  readonly fields: Record<string, number>
  readonly run: (problem: number) => void
}

/** A task is a chunk of query rows of a head. */
function splitQueries(kernels: KernelModule, problem: Problem): Plan {
  const { B, T, H, D } = problem
  const chunkRows = chunkRowsOf(problem)
  const scratchBytes = kernels.exports.forwardScratch!(D, chunkRows)
  const run = (address: number) => kernels.run('flashForward', B * H * Math.ceil(T / chunkRows), [address])
  return { scratchBytes, fields: { chunkRows }, run }
}

/** A task is a split of the keys that some query may see, for all heads; what the splits leave is merged. */
function splitKeys(kernels: KernelModule, { B, T, S, H, D, window }: Problem, scratch: Scratch): Plan {
  const first = window > 0 ? Math.max(0, S - T - window + 1) : 0 // the last query's position is that of the last key
  const parts = Math.ceil((S - first) / SPLIT)
  const { splitBytes, decodeScratch } = kernels.exports
  const scratchBytes = decodeScratch!(H * T, D)
  const splits = scratch.allocate(B * parts * splitBytes!(H * T, D))
  const run = (address: number) => {
    kernels.run('flashDecode', B * parts, [address])
    if (B * H * T * D * parts < FEW_NUMBERS) kernels.exports.mergeAlone!(B * H, address)
    else kernels.run('mergeSplits', B * H, [address])
  }
  return { scratchBytes, fields: { parts, splits }, run }
}
