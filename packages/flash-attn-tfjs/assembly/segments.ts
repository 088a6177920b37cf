import { BLOCK, Problem } from './problem'

/**
 * Of a block of ids: the smallest and largest other than 0, whether it is whole and of one such id, the largest of this block and all
 * before, the smallest of this block and all behind. The last two are monotone, so that a search finds what a block may see.
 */
@unmanaged
class Range {
  low: i32
  high: i32
  isOne: i32
  highBefore: i32
  lowBehind: i32
}
const RANGE: usize = 20

@inline
export function blocks(length: i32): i32 {
  return (length + BLOCK - 1) >> 6
}

/**
 * Copies ids `[B, N]` to `[B, blocks · BLOCK]`, 0 beyond N, so that a tile may read 64 of them anywhere, and writes the range of
 * every block. A block of padding only gets the empty range (largest, smallest).
 */
export function prepareSegments(ids: usize, B: i32, N: i32, padded: usize, ranges: usize): void {
  for (let b: i32 = 0; b < B; b++) {
    let highest = i32.MIN_VALUE
    for (let start: i32 = 0; start < N; start += BLOCK) {
      let low = i32.MAX_VALUE
      let high = i32.MIN_VALUE
      let paddings: i32 = 0
      for (let i = start; i < start + BLOCK; i++) {
        const id: i32 = i < N ? load<i32>(ids + <usize>(b * N + i) * 4) : 0
        store<i32>(padded, id)
        padded += 4
        if (id != 0) {
          if (id < low) low = id
          if (id > high) high = id
        } else if (i < N) paddings++
      }
      const range = changetype<Range>(ranges)
      highest = max(highest, high)
      range.low = low
      range.high = high
      range.isOne = paddings == 0 && low == high ? 1 : 0
      range.highBefore = highest
      ranges += RANGE
    }
    let lowest = i32.MAX_VALUE
    for (let i: i32 = 1; i <= blocks(N); i++) {
      const range = changetype<Range>(ranges - <usize>i * RANGE)
      lowest = min(lowest, range.low)
      range.lowBehind = lowest
    }
  }
}

@inline
function rangeOf(ranges: usize, b: i32, length: i32, block: i32): Range {
  return changetype<Range>(ranges + <usize>(b * blocks(length) + block) * RANGE)
}

export const NONE: i32 = 0
export const SOME: i32 = 1
export const ALL: i32 = 2

/** What the queries of a block see of the keys of a block, by segment. */
export function segmentsShared(p: Problem, b: i32, queryBlock: i32, keyBlock: i32): i32 {
  if (p.queryIds == 0) return ALL
  const q = rangeOf(p.queryRanges, b, p.T, queryBlock)
  const k = rangeOf(p.keyRanges, b, p.S, keyBlock)
  if (q.low > k.high || q.high < k.low) return NONE
  return q.isOne & k.isOne ? ALL : SOME // both hold one id, and the ranges meet: it is the same
}

/** The first of the key blocks `[from, to)` that may share a segment with query blocks `[q0, q1)`; `to` if none does. */
export function firstSharing(ranges: usize, length: i32, b: i32, from: i32, to: i32, lowest: i32): i32 {
  if (ranges == 0) return from
  while (from < to) {
    const middle = (from + to) >> 1
    if (rangeOf(ranges, b, length, middle).highBefore < lowest) from = middle + 1
    else to = middle
  }
  return from
}

/** The end of the blocks `[from, to)` that may hold ids up to `highest`. */
export function endSharing(ranges: usize, length: i32, b: i32, from: i32, to: i32, highest: i32): i32 {
  if (ranges == 0) return to
  while (from < to) {
    const middle = (from + to) >> 1
    if (rangeOf(ranges, b, length, middle).lowBehind > highest) to = middle
    else from = middle + 1
  }
  return to
}

/** The smallest id of blocks `[from, to)`, 0 without segments. */
export function lowestId(ranges: usize, length: i32, b: i32, from: i32, to: i32): i32 {
  let lowest = i32.MAX_VALUE
  if (ranges) for (let i = from; i < to; i++) lowest = min(lowest, rangeOf(ranges, b, length, i).low)
  return lowest
}

export function highestId(ranges: usize, length: i32, b: i32, from: i32, to: i32): i32 {
  let highest = i32.MIN_VALUE
  if (ranges) for (let i = from; i < to; i++) highest = max(highest, rangeOf(ranges, b, length, i).high)
  return highest
}

/** Address of the padded ids of a tensor's row, or 0 without segments. */
@inline
export function idsOf(ids: usize, length: i32, b: i32, row: i32): usize {
  return ids ? ids + <usize>(b * blocks(length) * BLOCK + row) * 4 : 0
}
