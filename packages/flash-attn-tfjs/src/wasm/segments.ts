import type { KernelModule, WasmHeap } from 'wasm-heap-tfjs'
import type { Problem } from '../options.ts'
import { BLOCK } from './problem.ts'
import type { Scratch } from './scratch.ts'

const RANGE_BYTES = 20

/** Padded ids and the range of ids in every block of 64, for the kernels; nothing where the problem has no segments. */
export function prepareSegments(
  heap: WasmHeap,
  { exports }: KernelModule,
  { B, T, S, segments }: Problem,
  scratch: Scratch,
): Record<'queryIds' | 'queryRanges' | 'keyIds' | 'keyRanges', number> {
  if (segments === null) return { queryIds: 0, queryRanges: 0, keyIds: 0, keyRanges: 0 }
  const prepare = (ids: { dataId: object }, length: number) => {
    const numBlocks = B * Math.ceil(length / BLOCK)
    const padded = scratch.allocate(numBlocks * BLOCK * 4)
    const ranges = scratch.allocate(numBlocks * RANGE_BYTES)
    exports.prepareSegments!(heap.address(ids), B, length, padded, ranges)
    return [padded, ranges] as const
  }
  const [queryIds, queryRanges] = prepare(segments.query, T)
  const [keyIds, keyRanges] = segments.key === segments.query ? [queryIds, queryRanges] : prepare(segments.key, S)
  return { queryIds, queryRanges, keyIds, keyRanges }
}
