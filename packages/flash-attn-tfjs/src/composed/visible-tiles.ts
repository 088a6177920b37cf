import * as tf from '@tensorflow/tfjs-core'
import { tileVisibility } from '../mask.ts'
import type { Problem } from '../options.ts'
import { type Block, tileOf, tiling } from './layout.ts'

/** Whether the backend's data are in memory, so that reading waits for no device. */
export const canReadAtOnce = () => ['cpu', 'wasm', 'tensorflow'].includes(tf.getBackend())

/** Blocks of queries and of keys, and whether any query of one may see a key of the other. */
export interface Tiles {
  readonly queries: readonly Block[]
  readonly keys: readonly Block[]
  readonly visible: (queries: Block, keys: Block) => boolean
}

/** Tiles of a problem; those that causality, window or segments empty are not visible, segments only where ids can be read at once. */
export function visibleTiles(problem: Problem): Tiles {
  const { B, segments } = problem
  const { queries, keys } = tiling(problem)
  const byPosition = (query: Block, key: Block) => tileVisibility(problem, tileOf(query, key)) !== 'none'
  if (segments === null || !canReadAtOnce()) return { queries, keys, visible: byPosition }
  const queryRanges = idRanges(segments.query, B, queries)
  const keyRanges = idRanges(segments.key, B, keys)
  const bySegment = (query: Block, key: Block) => {
    const ofKeys = keyRanges.get(key)!
    return queryRanges.get(query)!.some(([low, high], b) => low <= ofKeys[b]![1] && ofKeys[b]![0] <= high)
  }
  return { queries, keys, visible: (query, key) => byPosition(query, key) && bySegment(query, key) }
}

type Range = readonly [lowest: number, highest: number]

/** For every block, each batch row's lowest and highest id without padding (∞ and −∞ where all is padding). */
function idRanges(ids: tf.Tensor, B: number, blocks: readonly Block[]): Map<Block, Range[]> {
  const all = ids.dataSync<'int32'>()
  const length = ids.shape[1]!
  const range = (b: number, { start, size }: Block): Range => {
    const own = all.subarray(b * length + start, b * length + start + size).filter((id) => id !== 0)
    return [own.reduce((x, y) => Math.min(x, y), Number.POSITIVE_INFINITY), own.reduce((x, y) => Math.max(x, y), Number.NEGATIVE_INFINITY)]
  }
  return new Map(blocks.map((block) => [block, Array.from({ length: B }, (_, b) => range(b, block))]))
}
