import { multiplyRows, transposePanel, weighPanel, writeSlopes } from './gradient-tile'
import {
  bandHighOfKeys, bandHighOfQueries, bandLowOfKeys, bandLowOfQueries, clear, endRow, firstRow, seesAll, writeMask,
} from './mask'
import { COLUMN_QUAD, packColumns, packPanels, packQuads, unpackPanel } from './pack'
import { BLOCK, PANEL, Problem, TILE, WIDTH } from './problem'
import { multiply, multiplyVisible } from './product'
import { ALL, blocks, endSharing, firstSharing, highestId, idsOf, lowestId, NONE, segmentsShared } from './segments'
import { EXP_TABLE, writeExpTable } from './simd'
import { capScores } from './softmax'

/** Key blocks of a step: queries are packed once for all of them. */
@inline
function stepBlocks(D: i32): i32 {
  return D <= 64 ? 4 : D <= 128 ? 2 : 1
}

const HEADER: usize = 512 // Work and the constants of exp

/** Bytes of scratch a backward task needs. */
export function backwardScratch(D: i32): usize {
  const block = <usize>((D + 3) & ~3) * 256
  return HEADER + PANEL + 4 * TILE + <usize>(5 * stepBlocks(D) + 5) * block
}

/** The scratch of a task. A block has 64 rows of D numbers. */
@unmanaged
class Work {
  keyIsFinite: i32 // bit i: block i of the step
  rowsAreFinite: i32 // of queries and dOut
  table: usize // constants of exp
  scales: usize // 8 times the scale
  ones: usize // 8 times 1
  mask: usize // [BLOCK][8]
  weights: usize // panels [BLOCK/8][BLOCK queries][8 keys]
  dScores: usize // the same
  dScoresT: usize // panels [BLOCK/8][BLOCK keys][8 queries]
  slopes: usize // as weights, where scores are capped
  // of every key block of the step
  keys: usize // panels [BLOCK/8][D][8]
  values: usize
  keyColumns: usize // [D/4][BLOCK][4]
  dKeys: usize // panels [BLOCK/8][D][8]
  dValues: usize
  // of the query block
  queries: usize // quads [BLOCK/4][D][4], times the scale
  dOut: usize
  queryColumns: usize // [D/4][BLOCK][4], times the scale
  dOutColumns: usize
  dQueries: usize // panels [BLOCK/8][D][8]
}

function layOut(p: Problem, scratch: usize): Work {
  const w = changetype<Work>(scratch)
  const block = <usize>p.paddedD * 256
  const step = <usize>stepBlocks(p.D) * block
  w.table = scratch + 128
  w.scales = w.table + EXP_TABLE
  w.ones = w.scales + 32
  w.mask = scratch + HEADER
  w.weights = w.mask + PANEL
  w.dScores = w.weights + TILE
  w.dScoresT = w.dScores + TILE
  w.slopes = w.dScoresT + TILE
  w.keys = w.slopes + TILE
  w.values = w.keys + step
  w.keyColumns = w.values + step
  w.dKeys = w.keyColumns + step
  w.dValues = w.dKeys + step
  w.queries = w.dValues + step
  w.dOut = w.queries + block
  w.queryColumns = w.dOut + block
  w.dOutColumns = w.queryColumns + block
  w.dQueries = w.dOutColumns + block
  writeExpTable(w.table)
  for (let i: usize = 0; i < 32; i += 4) {
    store<f32>(w.scales + i, p.scale)
    store<f32>(w.ones + i, 1)
  }
  return w
}

/**
 * Task of phase `phase`: key part j of one key head against query part (j + phase) mod parts of the heads that share it. Tasks of a
 * phase touch different rows of all three gradients, and phases follow each other, so that gradients add up in place, in an order that
 * does not depend on threads. Phase 0 writes, all others add.
 */
export function flashBackward(task: i32, thread: i32, problem: usize, phase: i32): void {
  const p = changetype<Problem>(problem)
  const heads = p.B * p.K
  const j = task / heads
  const i = (j + phase) % p.parts
  const b = (task % heads) / p.K
  const k = (task % heads) % p.K
  const queryStart = blocks(p.T) * i / p.parts
  const queryEnd = blocks(p.T) * (i + 1) / p.parts
  const keyEnd = blocks(p.S) * (j + 1) / p.parts
  if (phase == 0) zeroQueries(p, b, k, queryStart << 6, min(p.T, queryEnd << 6))
  const w = layOut(p, p.scratch + <usize>thread * p.scratchBytes)
  const step = stepBlocks(p.D)
  for (let block = blocks(p.S) * j / p.parts; block < keyEnd; block += step) {
    keyStep(p, w, b, k, block, min(keyEnd, block + step), queryStart, queryEnd, phase > 0)
  }
}

function zeroQueries(p: Problem, b: i32, k: i32, from: i32, to: i32): void {
  const group = p.H / p.K
  for (let t = from; t < to; t++) memory.fill(p.dQuery + p.queryOffset(b, k * group, t), 0, <usize>(group * p.D) * 4)
}

/** Key blocks `[block, end)` against query blocks `[queryBlock, queryEnd)`. */
function keyStep(p: Problem, w: Work, b: i32, k: i32, block: i32, end: i32, queryBlock: i32, queryEnd: i32, add: bool): void {
  const bytes = <usize>p.paddedD * 256
  const k0 = block << 6
  const last = min(p.S, end << 6) - 1
  const shift = p.S - p.T // from a query's index to its position
  queryBlock = max(queryBlock, max(0, k0 + p.nearest - shift) >> 6)
  queryEnd = min(queryEnd, blocks(max(0, min(p.T, last + p.farthest - shift + 1))))
  queryBlock = firstSharing(p.queryRanges, p.T, b, queryBlock, queryEnd, lowestId(p.keyRanges, p.S, b, block, end))
  queryEnd = endSharing(p.queryRanges, p.T, b, queryBlock, queryEnd, highestId(p.keyRanges, p.S, b, block, end))
  if (queryBlock >= queryEnd && add) return
  memory.fill(w.dKeys, 0, <usize>(end - block) * bytes)
  memory.fill(w.dValues, 0, <usize>(end - block) * bytes)
  if (queryBlock < queryEnd) packKeys(p, w, b, k, block, end)
  const group = p.H / p.K
  for (let h = k * group; h < (k + 1) * group; h++) {
    for (let q = queryBlock; q < queryEnd; q++) queryStep(p, w, b, h, q, block, end)
  }
  for (let key = k0; key <= last; key += WIDTH) {
    const panel = <usize>((key - k0) * p.paddedD) * 4
    const n = min(WIDTH, last + 1 - key)
    const offset = p.keyOffset(b, k, key)
    unpackPanel(w.dKeys + panel, n, p.D, w.ones, p.dKey + offset, p.keyStride, add)
    unpackPanel(w.dValues + panel, n, p.D, w.ones, p.dValue + offset, p.keyStride, add)
  }
}

function packKeys(p: Problem, w: Work, b: i32, k: i32, block: i32, end: i32): void {
  w.keyIsFinite = 0
  for (let i: i32 = 0; i < end - block; i++) {
    const k0 = (block + i) << 6
    const n = min(BLOCK, p.S - k0)
    const offset = p.keyOffset(b, k, k0)
    const at = <usize>(i * p.paddedD) * 256
    packPanels(p.key + offset, p.keyStride, n, p.D, 1, w.keys + at)
    packPanels(p.value + offset, p.keyStride, n, p.D, 1, w.values + at)
    if (packColumns(p.key + offset, p.keyStride, n, p.D, 1, w.keyColumns + at)) w.keyIsFinite |= 1 << i
  }
}

/** A block of queries of one head against the key blocks of a step: what it adds to all three gradients. */
function queryStep(p: Problem, w: Work, b: i32, h: i32, queryBlock: i32, block: i32, end: i32): void {
  const q0 = queryBlock << 6
  const numQ = min(BLOCK, p.T - q0)
  const offset = p.queryOffset(b, h, q0)
  let isPacked = false
  for (let i: i32 = 0; i < end - block; i++) {
    const position = q0 + p.S - p.T
    const k0 = (block + i) << 6
    if (position + numQ - 1 - k0 < p.nearest || position - min(p.S - 1, k0 + BLOCK - 1) > p.farthest) continue
    const shared = segmentsShared(p, b, queryBlock, block + i)
    if (shared == NONE) continue
    if (!isPacked) {
      packQuads(p.query + offset, p.queryStride, numQ, p.D, p.scale, w.queries)
      packQuads(p.dOut + offset, p.queryStride, numQ, p.D, 1, w.dOut)
      const isFinite = packColumns(p.query + offset, p.queryStride, numQ, p.D, p.scale, w.queryColumns)
      w.rowsAreFinite = packColumns(p.dOut + offset, p.queryStride, numQ, p.D, 1, w.dOutColumns) && isFinite ? 1 : 0
      memory.fill(w.dQueries, 0, <usize>p.paddedD * 256)
      isPacked = true
    }
    tile(p, w, b, h, q0, k0, i, shared == ALL)
  }
  if (!isPacked) return
  for (let r: i32 = 0; r < numQ; r += WIDTH) {
    const dQueries = w.dQueries + <usize>(r * p.paddedD) * 4
    unpackPanel(dQueries, min(WIDTH, numQ - r), p.D, w.scales, p.dQuery + p.queryOffset(b, h, q0 + r), p.queryStride, true)
  }
}

/** One tile: five products. */
function tile(p: Problem, w: Work, b: i32, h: i32, q0: i32, k0: i32, i: i32, isShared: bool): void {
  const position = q0 + p.S - p.T
  const numQ = min(BLOCK, p.T - q0)
  const numK = min(BLOCK, p.S - k0)
  const at = <usize>(i * p.paddedD) * 256
  const isWhole = isShared && numQ == BLOCK && numK == BLOCK && position - k0 - (BLOCK - 1) >= p.nearest && position + BLOCK - 1 - k0 <= p.farthest
  if (!isWhole) memory.fill(w.dScoresT, 0, TILE)
  for (let c: i32 = 0; c < numK; c += WIDTH) {
    const from = firstRow(bandLowOfQueries(p, position, k0 + c))
    const to = endRow(bandHighOfQueries(p, position, k0 + c), numQ, min(WIDTH, numK - c))
    if (from < to) keyPanel(p, w, b, h, q0, k0, c, from, to, at, isShared)
  }
  for (let r: i32 = 0; r < numQ; r += WIDTH) {
    const low = bandLowOfKeys(p, position + r, k0)
    const high = bandHighOfKeys(p, position + r, k0)
    const from = firstRow(low)
    const to = endRow(high, numK, min(WIDTH, numQ - r))
    if (from >= to) continue
    const columns = w.keyColumns + at + <usize>from * 16
    const dScores = w.dScoresT + <usize>r * 256
    const dQueries = w.dQueries + <usize>(r * p.paddedD) * 4
    if (isWhole || (w.keyIsFinite >> i) & 1) {
      multiply(columns, COLUMN_QUAD, dScores + <usize>from * 32, dQueries, p.paddedD, to - from, 1)
    } else {
      const ids = idsOf(p.queryIds, p.T, b, q0 + r)
      writeMask(w.mask, from, to, low, high, numK, min(WIDTH, numQ - r), idsOf(p.keyIds, p.S, b, k0), ids)
      multiplyVisible(columns, COLUMN_QUAD, dScores + <usize>from * 32, w.mask + <usize>from * 32, dQueries, p.paddedD, to - from)
    }
  }
}

/** Queries `[from, to)` of a tile against 8 of its keys, from c: weights, their gradients, and what these add to dKeys and dValues. */
function keyPanel(
  p: Problem, w: Work, b: i32, h: i32, q0: i32, k0: i32, c: i32, from: i32, to: i32, at: usize, isShared: bool,
): void {
  const D = p.D
  const rows = to - from
  const first = <usize>from * 32
  const weights = w.weights + <usize>c * 256 + first
  const dScores = w.dScores + <usize>c * 256 + first
  const quads = <usize>(from * D) * 4
  const b8 = at + <usize>(c * D) * 4
  multiply(w.queries + quads, <usize>D * 16, w.keys + b8, weights, rows, D, 0)
  multiply(w.dOut + quads, <usize>D * 16, w.values + b8, dScores, rows, D, 0)
  if (p.softcap > 0) {
    capScores(weights, weights + <usize>rows * 32, p.softcap)
    writeSlopes(weights, rows, p.softcap, w.slopes)
  }
  const row = p.rowOffset(b, h, q0 + from)
  weighPanel(weights, dScores, min(rows, p.T - q0 - from), p.logSumExp + row, p.delta + row, w.table)
  if (p.softcap > 0) multiplyRows(dScores, w.slopes, rows)
  const numQ = min(BLOCK, p.T - q0)
  const numK = min(WIDTH, p.S - k0 - c)
  const position = q0 + p.S - p.T
  const low = bandLowOfQueries(p, position, k0 + c)
  const high = bandHighOfQueries(p, position, k0 + c)
  const isWhole = isShared && seesAll(from, to, low, high, numQ, numK)
  if (!isWhole) {
    writeMask(w.mask, from, to, low, high, numQ, numK, idsOf(p.queryIds, p.T, b, q0), idsOf(p.keyIds, p.S, b, k0 + c))
    clear(weights, w.mask + first, rows)
    clear(dScores, w.mask + first, rows)
  }
  transposePanel(w.dScores + <usize>c * 256, from, to, w.dScoresT + <usize>c * 32)
  const d8 = at + <usize>(c * p.paddedD) * 4
  const columns = <usize>from * 16
  if (isWhole || w.rowsAreFinite) {
    multiply(w.dOutColumns + columns, COLUMN_QUAD, weights, w.dValues + d8, p.paddedD, rows, 1)
    multiply(w.queryColumns + columns, COLUMN_QUAD, dScores, w.dKeys + d8, p.paddedD, rows, 1)
  } else {
    multiplyVisible(w.dOutColumns + columns, COLUMN_QUAD, weights, w.mask + first, w.dValues + d8, p.paddedD, rows)
    multiplyVisible(w.queryColumns + columns, COLUMN_QUAD, dScores, w.mask + first, w.dKeys + d8, p.paddedD, rows)
  }
}
