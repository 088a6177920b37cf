import { maskTile, NONE, tileVisibility } from './mask'
import { addRows, copyRows, PANEL, packColumns, packTransposed, writeRows } from './pack'
import { BLOCK, Problem, TILE_BYTES, TILE_ROW } from './problem'
import { multiply, multiplyTransposed } from './product'
import { EXP_TABLE, exp2, fma, LOG2E, writeExpTable } from './simd'
import { capTile } from './softmax'

/** Bytes of scratch a backward task needs. */
export function backwardScratch(D: i32): usize {
  return EXP_TABLE + 2 * TILE_BYTES + 4 * <usize>(10 * BLOCK * D)
}

/**
 * Task: some key blocks of one key head, against some of the query heads that share it. Which ones depends on the shapes only,
 * never on the number of threads, so neither do the sums. Blocks of early keys come first: a causal mask gives them most queries.
 */
export function flashBackward(task: i32, thread: i32, problem: usize): void {
  const p = changetype<Problem>(problem)
  const group = p.H / p.K
  const heads = p.B * p.K
  const keyPart = task / (heads * p.groupSplits)
  const groupPart = (task / heads) % p.groupSplits
  const b = (task % heads) / p.K
  const k = (task % heads) % p.K
  const numBlocks = (p.S + BLOCK - 1) / BLOCK
  const numHeads = group / p.groupSplits
  const h0 = k * group + groupPart * numHeads

  const qBytes = <usize>p.B * <usize>p.T * p.queryStride
  const kBytes = <usize>p.B * <usize>p.S * p.keyStride
  const dQuery = keyPart == 0 ? p.dQuery : p.dQueryParts + <usize>(keyPart - 1) * qBytes
  const dKey = groupPart == 0 ? p.dKey : p.dKeyParts + <usize>(groupPart - 1) * kBytes
  const dValue = groupPart == 0 ? p.dValue : p.dValueParts + <usize>(groupPart - 1) * kBytes
  const scratch = p.scratch + <usize>thread * p.scratchBytes

  writeExpTable(scratch)
  const own = dQuery + p.queryOffset(b, h0)
  for (let t: i32 = 0; t < p.T; t++) memory.fill(own + <usize>t * p.queryStride, 0, <usize>(numHeads * p.D) * 4)
  const end = (keyPart + 1) * numBlocks / p.keySplits
  for (let block = keyPart * numBlocks / p.keySplits; block < end; block++) {
    keyBlock(p, b, k, h0, numHeads, block * BLOCK, dQuery, dKey, dValue, scratch)
  }
}

/** dKey and dValue of one block of keys, and what it adds to dQuery. */
function keyBlock(
  p: Problem, b: i32, k: i32, h0: i32, numHeads: i32, k0: i32, dQuery: usize, dKey: usize, dValue: usize, scratch: usize,
): void {
  const D = p.D
  const bytes = <usize>(BLOCK * D) * 4
  const keysT = scratch + EXP_TABLE + 2 * TILE_BYTES
  const valuesT = keysT + bytes
  const keys = valuesT + bytes
  const dK = keys + bytes
  const dV = dK + bytes
  const rowScratch = dV + bytes
  const numK = min(BLOCK, p.S - k0)
  const offset = p.keyOffset(b, k) + <usize>k0 * p.keyStride
  packTransposed(p.key + offset, p.keyStride, numK, D, keysT)
  packTransposed(p.value + offset, p.keyStride, numK, D, valuesT)
  packColumns(p.key + offset, p.keyStride, numK, D, keys)
  memory.fill(dK, 0, 2 * bytes)
  for (let h = h0; h < h0 + numHeads; h++) {
    for (let q0: i32 = 0; q0 < p.T; q0 += BLOCK) {
      const masks = tileVisibility(p, b, q0, min(BLOCK, p.T - q0), k0, numK)
      if (masks != NONE) backwardTile(p, masks, b, h, q0, k0, dQuery, scratch, keysT, valuesT, keys, dK, dV, rowScratch)
    }
  }
  writeRows(dK, numK, D, dKey + offset, p.keyStride)
  writeRows(dV, numK, D, dValue + offset, p.keyStride)
}

/** One tile: five products. */
function backwardTile(
  p: Problem, masks: i32, b: i32, h: i32, q0: i32, k0: i32, dQuery: usize,
  scratch: usize, keysT: usize, valuesT: usize, keys: usize, dK: usize, dV: usize, rowScratch: usize,
): void {
  const D = p.D
  const rowBytes = <usize>D * 4
  const bytes = BLOCK * rowBytes
  const weights = scratch + EXP_TABLE
  const dScores = weights + TILE_BYTES
  const q = rowScratch
  const dOut = q + bytes
  const qColumns = dOut + bytes
  const dOutColumns = qColumns + bytes
  const dQ = dOutColumns + bytes
  const numQ = min(BLOCK, p.T - q0)
  const rows = (numQ + 3) & ~3
  const offset = p.queryOffset(b, h) + <usize>q0 * p.queryStride
  const rowOffset = p.rowOffset(b, h) + <usize>q0 * 4
  // dense copies: rows of [B, T, H, D] lie a power of two apart and would evict each other from the cache
  copyRows(p.query + offset, p.queryStride, numQ, rows, D, q)
  copyRows(p.dOut + offset, p.queryStride, numQ, rows, D, dOut)
  packColumns(q, rowBytes, numQ, D, qColumns)
  packColumns(dOut, rowBytes, numQ, D, dOutColumns)

  multiply(q, rowBytes, keysT, weights, TILE_ROW, rows, BLOCK, D, 0)
  if (p.softcap > 0) capTile(weights, rows, p.scale / p.softcap, p.softcap)
  if (masks) maskTile(p, masks, b, weights, numQ, q0, k0, min(BLOCK, p.S - k0))
  multiply(dOut, rowBytes, valuesT, dScores, TILE_ROW, rows, BLOCK, D, 0)
  if (p.softcap > 0) capSlope(weights, dScores, p.delta + rowOffset, numQ, p.softcap)
  weightTile(weights, dScores, p.logSumExp + rowOffset, p.delta + rowOffset, numQ, p.softcap > 0, p.scale, scratch)
  const padding = <usize>(rows - numQ) * TILE_ROW
  memory.fill(weights + <usize>numQ * TILE_ROW, 0, padding)
  memory.fill(dScores + <usize>numQ * TILE_ROW, 0, padding)
  multiplyTransposed(weights, TILE_ROW, dOutColumns, PANEL, dV, rowBytes, BLOCK, D, rows)
  multiplyTransposed(dScores, TILE_ROW, qColumns, PANEL, dK, rowBytes, BLOCK, D, rows)
  multiply(dScores, TILE_ROW, keys, dQ, rowBytes, rows, D, BLOCK, 0)
  addRows(dQ, numQ, D, dQuery + offset, p.queryStride)
}

/** weights: scores → P = 2^(c·score − lse·log₂e); dScores: dP → P · (dP − δ) · scale. With a cap, δ is subtracted already. */
function weightTile(
  weights: usize, dScores: usize, lse: usize, delta: usize, rows: i32, capped: bool, scale: f32, table: usize,
): void {
  const k0 = v128.load(table, 0)
  const k1 = v128.load(table, 16)
  const k2 = v128.load(table, 32)
  const k3 = v128.load(table, 48)
  const k4 = v128.load(table, 64)
  const k5 = v128.load(table, 80)
  const k6 = v128.load(table, 96)
  const k7 = v128.load(table, 112)
  const k8 = v128.load(table, 128)
  const scales = f32x4.splat(scale)
  const cs = f32x4.splat(capped ? LOG2E : scale * LOG2E)
  for (let r: i32 = 0; r < rows; r++) {
    const shift = f32x4.splat(-load<f32>(lse) * LOG2E)
    const d = f32x4.splat(capped ? 0 : load<f32>(delta))
    const end = weights + TILE_ROW
    do {
      const e = exp2(fma(v128.load(weights), cs, shift), k0, k1, k2, k3, k4, k5, k6, k7, k8)
      v128.store(weights, e)
      v128.store(dScores, f32x4.mul(f32x4.mul(e, scales), f32x4.sub(v128.load(dScores), d)))
      weights += 16
      dScores += 16
    } while (weights < end)
    lse += 4
    delta += 4
  }
}

/** dScores: dP → (dP − δ) · (1 − (score / cap)²), the slope of cap · tanh. Hidden scores get slope 0, not 0 · ∞. */
function capSlope(scores: usize, dScores: usize, delta: usize, rows: i32, cap: f32): void {
  const factor = f32x4.splat(1 / cap)
  for (let r: i32 = 0; r < rows; r++) {
    const d = f32x4.splat(load<f32>(delta))
    for (let c: usize = 0; c < TILE_ROW; c += 16) {
      const ratio = f32x4.mul(v128.load(scores + c), factor)
      const slope = f32x4.pmax(f32x4.sub(f32x4.splat(1), f32x4.mul(ratio, ratio)), f32x4.splat(0))
      v128.store(dScores + c, f32x4.mul(slope, f32x4.sub(v128.load(dScores + c), d)))
    }
    scores += TILE_ROW
    dScores += TILE_ROW
    delta += 4
  }
}
