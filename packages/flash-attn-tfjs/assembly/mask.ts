import { Problem, WIDTH } from './problem'

// A panel has a row for every query (or key) of a block and 8 columns of keys (or queries). By position, a column c of it sees the rows
// r with `low ≤ r − c ≤ high`: a band. Outside of it nothing is computed; where it cuts through a panel, and where segments or the end
// of a tensor do, a mask of the same shape says which scores count.

/** The band of a panel whose rows are keys from k0 and whose columns are queries, the first at position `position` of the keys. */
@inline
export function bandLowOfKeys(p: Problem, position: i32, k0: i32): i32 {
  return position - k0 - p.farthest
}

@inline
export function bandHighOfKeys(p: Problem, position: i32, k0: i32): i32 {
  return position - k0 - p.nearest
}

/** The band of a panel whose rows are queries, the first at position `position` of the keys, and whose columns are keys from k0. */
@inline
export function bandLowOfQueries(p: Problem, position: i32, k0: i32): i32 {
  return k0 - position + p.nearest
}

@inline
export function bandHighOfQueries(p: Problem, position: i32, k0: i32): i32 {
  return k0 - position + p.farthest
}

/** First row that a column sees, down to a multiple of 4. */
@inline
export function firstRow(low: i32): i32 {
  return max(0, low) & ~3
}

/** End of the rows that a column sees, up to a multiple of 4. */
@inline
export function endRow(high: i32, numRows: i32, numColumns: i32): i32 {
  return (min(numRows, high + numColumns) + 3) & ~3
}

/** Whether every column sees all rows `[from, to)`. */
@inline
export function seesAll(from: i32, to: i32, low: i32, high: i32, numRows: i32, numColumns: i32): bool {
  return numColumns == WIDTH && from >= low + WIDTH - 1 && to <= high + 1 && to <= numRows
}

/**
 * Writes rows `[from, to)` of a mask `[rows][8]`: all ones where a column sees a row. Ids of rows and columns may be 0: no segments.
 */
export function writeMask(
  mask: usize, from: i32, to: i32, low: i32, high: i32, numRows: i32, numColumns: i32, rowIds: usize, columnIds: usize,
): void {
  const end = min(to, numRows)
  memory.fill(mask + <usize>from * 32, 0, <usize>(to - from) * 32)
  const c0 = i32x4(0, 1, 2, 3)
  const c1 = i32x4(4, 5, 6, 7)
  const columns = i32x4.splat(numColumns)
  const inside0 = i32x4.lt_s(c0, columns)
  const inside1 = i32x4.lt_s(c1, columns)
  const lows = i32x4.splat(low)
  const highs = i32x4.splat(high)
  for (let r = from; r < end; r++) {
    const at = mask + <usize>r * 32
    const d0 = i32x4.sub(i32x4.splat(r), c0)
    const d1 = i32x4.sub(i32x4.splat(r), c1)
    let m0 = v128.and(inside0, v128.and(i32x4.ge_s(d0, lows), i32x4.le_s(d0, highs)))
    let m1 = v128.and(inside1, v128.and(i32x4.ge_s(d1, lows), i32x4.le_s(d1, highs)))
    if (rowIds) {
      // an id of 0, padding, sees nothing and is seen by nobody
      const id = i32x4.splat(load<i32>(rowIds + <usize>r * 4))
      const isSegment = i32x4.ne(id, i32x4.splat(0))
      m0 = v128.and(m0, v128.and(isSegment, i32x4.eq(id, v128.load(columnIds))))
      m1 = v128.and(m1, v128.and(isSegment, i32x4.eq(id, v128.load(columnIds, 16))))
    }
    v128.store(at, m0)
    v128.store(at, m1, 16)
  }
}

/** Scores that a column does not see become −∞. */
export function hide(scores: usize, mask: usize, rows: i32): void {
  const hidden = f32x4.splat(-Infinity)
  for (let at: usize = 0; at < <usize>rows * 32; at += 16) {
    v128.store(scores + at, v128.bitselect(v128.load(scores + at), hidden, v128.load(mask + at)))
  }
}

/** Numbers that do not count become 0, whatever they are. */
export function clear(panel: usize, mask: usize, rows: i32): void {
  for (let at: usize = 0; at < <usize>rows * 32; at += 16) {
    v128.store(panel + at, v128.and(v128.load(panel + at), v128.load(mask + at)))
  }
}
