import * as tf from '@tensorflow/tfjs-core'
import type { Problem, SegmentIds } from './options.ts'

/** A rectangle of the score matrix: queries `[q0, q0 + numQ)` × keys `[k0, k0 + numK)`. */
export interface Tile {
  readonly q0: number
  readonly numQ: number
  readonly k0: number
  readonly numK: number
}

/** First and last key (inclusive, not clipped to the sequence) that query `i` sees by position. */
function visibleKeys({ T, S, causal, window }: Problem, i: number): [first: number, last: number] {
  const self = i + S - T
  const first = window > 0 ? self - window + 1 : Number.NEGATIVE_INFINITY
  const last = causal ? self : window > 0 ? self + window - 1 : Number.POSITIVE_INFINITY
  return [first, last]
}

/** Whether causality and window let a tile's queries see none, all or some of its keys. Segments are not looked at. */
export function tileVisibility(problem: Problem, { q0, numQ, k0, numK }: Tile): 'none' | 'all' | 'some' {
  const [firstOfTop, lastOfTop] = visibleKeys(problem, q0)
  const [firstOfBottom, lastOfBottom] = visibleKeys(problem, q0 + numQ - 1)
  if (lastOfBottom < k0 || firstOfTop > k0 + numK - 1) return 'none'
  return lastOfTop >= k0 + numK - 1 && firstOfBottom <= k0 ? 'all' : 'some'
}

/** Which pairs of a tile see each other: bool `[1 or B, 1, numQ, numK]`, or null where all do. */
export function tileMask(problem: Problem, tile: Tile): tf.Tensor | null {
  const byPosition = tileVisibility(problem, tile) === 'all' ? null : positionMask(problem, tile)
  if (problem.segments === null) return byPosition
  const bySegment = segmentMask(problem.segments, tile)
  if (byPosition === null) return bySegment
  const both = tf.logicalAnd(byPosition, bySegment)
  tf.dispose([byPosition, bySegment])
  return both
}

function positionMask(problem: Problem, { q0, numQ, k0, numK }: Tile): tf.Tensor {
  const visible = new Uint8Array(numQ * numK)
  for (let row = 0; row < numQ; row++) {
    const [first, last] = visibleKeys(problem, q0 + row)
    const start = Math.max(first - k0, 0)
    const end = Math.min(last - k0 + 1, numK)
    if (start < end) visible.fill(1, row * numK + start, row * numK + end)
  }
  return tf.tensor(visible, [1, 1, numQ, numK], 'bool')
}

function segmentMask({ query, key }: SegmentIds, { q0, numQ, k0, numK }: Tile): tf.Tensor {
  const B = query.shape[0] as number
  return tf.tidy(() => {
    const ofQuery = tf.reshape(tf.slice(query, [0, q0], [B, numQ]), [B, 1, numQ, 1])
    const ofKey = tf.reshape(tf.slice(key, [0, k0], [B, numK]), [B, 1, 1, numK])
    return tf.logicalAnd(tf.equal(ofQuery, ofKey), tf.notEqual(ofKey, tf.scalar(0, 'int32')))
  })
}
