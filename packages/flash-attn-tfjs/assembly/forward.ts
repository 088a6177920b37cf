import { maskTile, NONE, tileVisibility } from './mask'
import { copyRows, packColumns, packTransposed } from './pack'
import { BLOCK, FLOOR, Problem, TILE_BYTES, TILE_ROW } from './problem'
import { multiply } from './product'
import { addWeightedRows, dotRows } from './short'
import { EXP_TABLE, LOG2E, log, writeExpTable } from './simd'
import { capTile, softmaxTile } from './softmax'

/** Up to this many query rows are multiplied in place, without packing keys and values. */
const SHORT: i32 = 2

/** Bytes of scratch a forward task needs. */
export function forwardScratch(D: i32, chunkRows: i32): usize {
  return EXP_TABLE + TILE_BYTES + 4 * <usize>(2 * chunkRows * D + 2 * chunkRows + 2 * BLOCK * D)
}

/** Task: `chunkRows` query rows of one head. The last rows come first: under a causal mask they take longest. */
export function flashForward(task: i32, thread: i32, problem: usize): void {
  const p = changetype<Problem>(problem)
  const heads = p.B * p.H
  const numChunks = (p.T + p.chunkRows - 1) / p.chunkRows
  const q0 = (numChunks - 1 - task / heads) * p.chunkRows
  const b = (task % heads) / p.H
  forwardRows(p, b, (task % heads) % p.H, q0, min(p.chunkRows, p.T - q0), p.scratch + <usize>thread * p.scratchBytes)
}

function forwardRows(p: Problem, b: i32, h: i32, q0: i32, numQ: i32, scratch: usize): void {
  const D = p.D
  const rowBytes = <usize>D * 4
  const padded = (numQ + 3) & ~3
  const table = scratch
  const tile = table + EXP_TABLE
  const keys = tile + TILE_BYTES
  const values = keys + BLOCK * rowBytes
  const q = values + BLOCK * rowBytes
  const out = q + <usize>p.chunkRows * rowBytes
  const max = out + <usize>p.chunkRows * rowBytes
  const sum = max + <usize>p.chunkRows * 4
  writeExpTable(table)
  copyRows(p.query + p.queryOffset(b, h) + <usize>q0 * p.queryStride, p.queryStride, numQ, padded, D, q)
  memory.fill(out, 0, <usize>padded * rowBytes)
  memory.fill(sum, 0, <usize>padded * 4)
  for (let r: i32 = 0; r < padded; r++) store<f32>(max + <usize>r * 4, FLOOR)

  const keyOffset = p.keyOffset(b, h / (p.H / p.K))
  const c: f32 = p.softcap > 0 ? LOG2E : p.scale * LOG2E
  for (let k0: i32 = 0; k0 < p.S; k0 += BLOCK) {
    const numK = min(BLOCK, p.S - k0)
    const k = p.key + keyOffset + <usize>k0 * p.keyStride
    const v = p.value + keyOffset + <usize>k0 * p.keyStride
    let packed = false
    for (let r0: i32 = 0; r0 < numQ; r0 += BLOCK) {
      const masks = tileVisibility(p, b, q0 + r0, min(BLOCK, numQ - r0), k0, numK)
      if (masks == NONE) continue
      const isShort = numQ <= SHORT
      const rows = isShort ? numQ : min(BLOCK, padded - r0)
      if (!isShort && !packed) {
        packTransposed(k, p.keyStride, numK, D, keys)
        packColumns(v, p.keyStride, numK, D, values)
        packed = true
      }
      const qRow = q + <usize>r0 * rowBytes
      const outRow = out + <usize>r0 * rowBytes
      if (isShort) dotRows(qRow, rows, k, p.keyStride, numK, D, tile)
      else multiply(qRow, rowBytes, keys, tile, TILE_ROW, rows, BLOCK, D, 0)
      if (p.softcap > 0) capTile(tile, rows, p.scale / p.softcap, p.softcap)
      if (masks) maskTile(p, masks, b, tile, min(rows, numQ - r0), q0 + r0, k0, numK)
      softmaxTile(tile, rows, max + <usize>r0 * 4, sum + <usize>r0 * 4, outRow, D, c, table)
      if (isShort) addWeightedRows(tile, rows, v, p.keyStride, numK, D, outRow)
      else multiply(tile, TILE_ROW, values, outRow, rowBytes, rows, D, BLOCK, 1)
    }
  }
  finishRows(p, b, h, q0, numQ, out, max, sum)
}

/** out / sum and log-sum-exp; 0 and +∞ where nothing was seen. */
function finishRows(p: Problem, b: i32, h: i32, q0: i32, numQ: i32, out: usize, max: usize, sum: usize): void {
  const rowBytes = <usize>p.D * 4
  const scale: f32 = p.softcap > 0 ? 1 : p.scale
  let to = p.out + p.queryOffset(b, h) + <usize>q0 * p.queryStride
  let lse = p.logSumExp + p.rowOffset(b, h) + <usize>q0 * 4
  for (let r: i32 = 0; r < numQ; r++) {
    const total = load<f32>(sum)
    const factor = f32x4.splat(total == 0 ? 0 : 1 / total)
    for (let d: usize = 0; d < rowBytes; d += 16) v128.store(to + d, f32x4.mul(factor, v128.load(out + d)))
    store<f32>(lse, total == 0 ? <f32>Infinity : load<f32>(max) * scale + log(total))
    out += rowBytes
    max += 4
    sum += 4
    to += p.queryStride
    lse += 4
  }
}
