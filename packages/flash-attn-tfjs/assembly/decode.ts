import { addWeightedRows, dotRows } from './decode-products'
import { Problem, SPLIT } from './problem'
import { finishRow, sees } from './rows'
import { blocks, NONE, segmentsShared } from './segments'
import { EXP_TABLE, exp, fma, maxLanes, sumLanes, writeExpTable } from './simd'
import { capScores } from './softmax'

// A few queries against many keys (generation): each key and value is read once, in the order of memory, where it lies. A task is a
// split of SPLIT keys for all heads; what it finds, an output, a maximum and a sum for each row, is merged afterwards, in order.

/** Bytes of what a split leaves: rows of D numbers, the largest score and the sum of weights. Rows: query heads × time. */
export function splitBytes(rows: i32, D: i32): usize {
  return <usize>(rows * (D + 2)) * 4
}

/** Bytes of scratch: queries times the scale, and scores. */
export function decodeScratch(rows: i32, D: i32): usize {
  return (EXP_TABLE + <usize>(rows * (D + SPLIT)) * 4 + 63) & ~63
}

/** First key that any query may see, by position. */
@inline
function firstKey(p: Problem): i32 {
  return max(0, p.S - p.T - p.farthest)
}

/** Task: keys `[i · SPLIT, (i + 1) · SPLIT)` of those that may be seen, for all heads of one batch element. */
export function flashDecode(task: i32, thread: i32, problem: usize): void {
  const p = changetype<Problem>(problem)
  const b = task / p.parts
  const k0 = firstKey(p) + (task % p.parts) * SPLIT
  const n = min(SPLIT, p.S - k0)
  const rows = p.H * p.T
  const left = p.splits + <usize>task * splitBytes(rows, p.D)
  const table = p.scratch + <usize>thread * p.scratchBytes
  const queries = table + EXP_TABLE
  const scores = queries + <usize>(rows * p.D) * 4
  writeExpTable(table)
  memory.fill(left, 0, splitBytes(rows, p.D))
  const isWhole = seesAllKeys(p, k0, n)
  if (!isWhole && isHidden(p, b, k0, n)) {
    for (let row: i32 = 0; row < rows; row++) store<f32>(left + <usize>(rows * p.D + row) * 4, -Infinity)
    return
  }
  packRows(p, b, queries)
  dotRows(p, b, k0, n, queries, scores)
  for (let row: i32 = 0; row < rows; row++) {
    const own = scores + <usize>(row * SPLIT) * 4
    const max = left + <usize>(rows * p.D + row) * 4
    const padded = own + <usize>((n + 3) & ~3) * 4
    if (p.softcap > 0) capScores(own, padded, p.softcap)
    if (!isWhole) hideKeys(p, b, row % p.T, k0, n, own)
    for (let at = own + <usize>n * 4; at < padded; at += 4) store<f32>(at, -Infinity)
    softmaxRow(own, padded, max, max + <usize>rows * 4, table)
  }
  if (isWhole) addWeightedRows(p, b, k0, n, scores, left)
  else addSeenRows(p, b, k0, n, scores, left)
}

/** Whether all queries see all keys `[k0, k0 + n)`. */
function seesAllKeys(p: Problem, k0: i32, n: i32): bool {
  const position = p.S - p.T
  return p.queryIds == 0 && position - (k0 + n - 1) >= p.nearest && position + p.T - 1 - k0 <= p.farthest
}

/** Whether no block of these keys shares a segment with the queries, which lie in one block. */
function isHidden(p: Problem, b: i32, k0: i32, n: i32): bool {
  for (let block = k0 >> 6; block < blocks(k0 + n); block++) if (segmentsShared(p, b, 0, block) != NONE) return false
  return true
}

/** Queries `[T, H, D]` of a batch element to `[H, T, D]`, times the scale. */
function packRows(p: Problem, b: i32, target: usize): void {
  for (let h: i32 = 0; h < p.H; h++) {
    for (let t: i32 = 0; t < p.T; t++) {
      const source = p.query + p.queryOffset(b, h, t)
      for (let d: usize = 0; d < <usize>p.D * 4; d += 4) store<f32>(target + d, p.scale * load<f32>(source + d))
      target += <usize>p.D * 4
    }
  }
}

function hideKeys(p: Problem, b: i32, t: i32, k0: i32, n: i32, scores: usize): void {
  for (let j: i32 = 0; j < n; j++) if (!sees(p, b, t, k0 + j)) store<f32>(scores + <usize>j * 4, -Infinity)
}

/** Scores of a row become weights. */
function softmaxRow(scores: usize, end: usize, max: usize, sum: usize, table: usize): void {
  let m = f32x4.splat(-Infinity)
  for (let at = scores; at < end; at += 16) m = f32x4.pmax(m, v128.load(at))
  const largest = maxLanes(m)
  const shift = f32x4.splat(largest == -Infinity ? 0 : largest)
  let s = f32x4.splat(0)
  for (; scores < end; scores += 16) {
    const e = exps(f32x4.sub(v128.load(scores), shift), table)
    v128.store(scores, e)
    s = f32x4.add(s, e)
  }
  store<f32>(max, largest)
  store<f32>(sum, sumLanes(s))
}

@inline
function exps(x: v128, table: usize): v128 {
  const k0 = v128.load(table, 0)
  const k1 = v128.load(table, 16)
  const k2 = v128.load(table, 32)
  const k3 = v128.load(table, 48)
  const k4 = v128.load(table, 64)
  const k5 = v128.load(table, 80)
  const k6 = v128.load(table, 96)
  const k7 = v128.load(table, 112)
  const k8 = v128.load(table, 128)
  return exp(x, k0, k1, k2, k3, k4, k5, k6, k7, k8)
}

/** out += Σ weight · value over the keys that each row sees: one by one, since 0 · NaN is NaN. */
function addSeenRows(p: Problem, b: i32, k0: i32, n: i32, scores: usize, out: usize): void {
  const group = p.H / p.K
  for (let h: i32 = 0; h < p.H; h++) {
    for (let t: i32 = 0; t < p.T; t++) {
      for (let j: i32 = 0; j < n; j++) {
        if (!sees(p, b, t, k0 + j)) continue
        const weight = load<f32>(scores + <usize>j * 4)
        const value = p.value + p.keyOffset(b, h / group, k0 + j)
        for (let d: usize = 0; d < <usize>p.D * 4; d += 4) store<f32>(out + d, load<f32>(out + d) + weight * load<f32>(value + d))
      }
      scores += <usize>SPLIT * 4
      out += <usize>p.D * 4
    }
  }
}

/** Task: the rows of one head of one batch element, from what the splits left. */
export function mergeSplits(task: i32, thread: i32, problem: usize): void {
  const p = changetype<Problem>(problem)
  const table = p.scratch + <usize>thread * p.scratchBytes
  writeExpTable(table)
  const b = task / p.H
  const h = task % p.H
  for (let t: i32 = 0; t < p.T; t++) mergeRow(p, b, h, t, table)
}

/** All of them, where there is too little to do to wake another thread. */
export function mergeAlone(numTasks: i32, problem: usize): void {
  for (let task: i32 = 0; task < numTasks; task++) mergeSplits(task, 0, problem)
}

function mergeRow(p: Problem, b: i32, h: i32, t: i32, table: usize): void {
  const rows = p.H * p.T
  const row = h * p.T + t
  const bytes = splitBytes(rows, p.D)
  const first = p.splits + <usize>(b * p.parts) * bytes
  const end = first + <usize>p.parts * bytes
  const maxAt = <usize>(rows * p.D + row) * 4
  const outAt = <usize>(row * p.D) * 4
  let largest: f32 = -Infinity
  for (let split = first; split < end; split += bytes) {
    const m = load<f32>(split + maxAt)
    if (m > largest) largest = m
  }
  const shift: f32 = largest == -Infinity ? 0 : largest
  let sum: f32 = 0
  for (let split = first; split < end; split += bytes) {
    // the maximum's place takes the weight of the split
    const weight = f32x4.extract_lane(exps(f32x4.splat(load<f32>(split + maxAt) - shift), table), 0)
    sum += weight * load<f32>(split + maxAt + <usize>rows * 4)
    store<f32>(split + maxAt, weight)
  }
  const factor = finishRow(p, b, h, t, largest, sum)
  const target = p.out + p.queryOffset(b, h, t)
  const D4 = <usize>(p.D & ~3) * 4
  for (let d: usize = 0; d < D4; d += 16) {
    let s = f32x4.splat(0)
    for (let split = first; split < end; split += bytes) s = fma(v128.load32_splat(split + maxAt), v128.load(split + outAt + d), s)
    v128.store(target + d, f32x4.mul(f32x4.splat(factor), s))
  }
  for (let d = D4; d < <usize>p.D * 4; d += 4) {
    let s: f32 = 0
    for (let split = first; split < end; split += bytes) s += load<f32>(split + maxAt) * load<f32>(split + outAt + d)
    store<f32>(target + d, factor * s)
  }
}
