import { BLOCK } from './problem'

/** Bytes of a block's range: smallest and largest id other than 0, and whether the block is whole and of one such id. */
export const RANGE: usize = 12

/**
 * Copies ids `[B, N]` to `[B, blocks · BLOCK]`, 0 beyond N, so that a tile may read 64 of them anywhere, and writes the range of
 * every block. A block of padding only gets the empty range (largest, smallest).
 */
export function prepareSegments(ids: usize, B: i32, N: i32, padded: usize, ranges: usize): void {
  for (let b: i32 = 0; b < B; b++) {
    for (let start: i32 = 0; start < N; start += BLOCK) {
      let low = i32.MAX_VALUE
      let high = i32.MIN_VALUE
      let paddings: i32 = 0
      for (let i = start; i < start + BLOCK; i++) {
        const id: i32 = i < N ? load<i32>(ids + <usize>(b * N + i) * 4) : 0
        store<i32>(padded, id)
        padded += 4
        if (id == 0) {
          if (i < N) paddings++
        } else {
          if (id < low) low = id
          if (id > high) high = id
        }
      }
      store<i32>(ranges, low, 0)
      store<i32>(ranges, high, 4)
      store<i32>(ranges, paddings == 0 && low == high ? 1 : 0, 8)
      ranges += RANGE
    }
  }
}
