import { BLOCK, HIDDEN, Problem, TILE_ROW } from './problem'
import { RANGE } from './segments'

/** What the queries of a tile see of its keys. Bit 1: mask by position; bit 2: mask by segment. */
export const NONE: i32 = -1
export const ALL: i32 = 0
const BY_POSITION: i32 = 1
const BY_SEGMENT: i32 = 2

/** Of queries `[q0, q0 + numQ)` and keys `[k0, k0 + numK)`, both inside one block: `NONE`, `ALL`, or what to mask. */
export function tileVisibility(p: Problem, b: i32, q0: i32, numQ: i32, k0: i32, numK: i32): i32 {
  const top = q0 + p.S - p.T // the key at the position of the first query
  const bottom = top + numQ - 1
  const right = k0 + numK - 1
  let masks = numK < BLOCK ? BY_POSITION : ALL
  if (p.causal) {
    if (k0 > bottom) return NONE
    if (right > top) masks |= BY_POSITION
  }
  if (p.window > 0) {
    if (right <= top - p.window) return NONE
    if (k0 <= bottom - p.window) masks |= BY_POSITION
    if (k0 >= bottom + p.window) return NONE
    if (right >= top + p.window) masks |= BY_POSITION
  }
  if (p.queryIds == 0) return masks
  const q = p.queryRanges + <usize>(b * blocks(p.T) + (q0 >> 6)) * RANGE
  const k = p.keyRanges + <usize>(b * blocks(p.S) + (k0 >> 6)) * RANGE
  const low = load<i32>(q)
  if (low > load<i32>(k, 4) || load<i32>(q, 4) < load<i32>(k)) return NONE
  const whole = load<i32>(q, 8) & load<i32>(k, 8)
  return whole && low == load<i32>(k) ? masks : masks | BY_SEGMENT
}

@inline
function blocks(length: i32): i32 {
  return (length + BLOCK - 1) >> 6
}

/** Writes `HIDDEN` over the scores that the queries of a tile do not see. */
export function maskTile(p: Problem, masks: i32, b: i32, tile: usize, rows: i32, q0: i32, k0: i32, numK: i32): void {
  if (masks & BY_POSITION) maskByPosition(p, tile, rows, q0 + p.S - p.T - k0, numK)
  if (masks & BY_SEGMENT) {
    const ids = p.queryIds + <usize>(b * blocks(p.T) * BLOCK + q0) * 4
    maskBySegment(tile, rows, ids, p.keyIds + <usize>(b * blocks(p.S) * BLOCK + k0) * 4)
  }
}

/** `self`: the column at the position of row 0. */
function maskByPosition(p: Problem, tile: usize, rows: i32, self: i32, numK: i32): void {
  const hidden = f32x4.splat(HIDDEN)
  for (let r: i32 = 0; r < rows; r++) {
    let first: i32 = 0
    let last = numK - 1
    if (p.window > 0) {
      first = self - p.window + 1
      last = min(last, self + p.window - 1)
    }
    if (p.causal) last = min(last, self)
    const low = i32x4.splat(first)
    const high = i32x4.splat(last)
    let column = i32x4(0, 1, 2, 3)
    const end = tile + TILE_ROW
    while (tile < end) {
      const visible = v128.and(i32x4.ge_s(column, low), i32x4.le_s(column, high))
      v128.store(tile, v128.bitselect(v128.load(tile), hidden, visible))
      column = i32x4.add(column, i32x4.splat(4))
      tile += 16
    }
    self++
  }
}

function maskBySegment(tile: usize, rows: i32, queryIds: usize, keyIds: usize): void {
  const hidden = f32x4.splat(HIDDEN)
  for (let r: i32 = 0; r < rows; r++) {
    // a query of segment 0 (padding) sees nothing; every other id differs from that of padding keys
    const own: i32 = load<i32>(queryIds + <usize>r * 4)
    const id = i32x4.splat(own)
    for (let c: usize = 0; c < TILE_ROW; c += 16) {
      const visible = own == 0 ? i32x4.splat(0) : i32x4.eq(v128.load(keyIds + c), id)
      v128.store(tile + c, v128.bitselect(v128.load(tile + c), hidden, visible))
    }
    tile += TILE_ROW
  }
}
