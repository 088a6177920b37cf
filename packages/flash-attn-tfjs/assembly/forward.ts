import { bandHighOfKeys, bandLowOfKeys, endRow, firstRow, hide, seesAll, writeMask } from './mask'
import { COLUMN_QUAD, packColumns, packPanels, packQuads, unpackPanel } from './pack'
import { BLOCK, PANEL, Problem, WIDTH } from './problem'
import { multiply, multiplyVisible } from './product'
import { finishRow } from './rows'
import { ALL, blocks, endSharing, firstSharing, highestId, idsOf, lowestId, NONE, segmentsShared } from './segments'
import { EXP_TABLE, writeExpTable } from './simd'
import { capScores, softmaxPanel } from './softmax'

/** Bytes of scratch a forward task needs. */
export function forwardScratch(D: i32, chunkRows: i32): usize {
  return 256 + 2 * PANEL + 4 * <usize>((2 * chunkRows + 2 * BLOCK) * ((D + 3) & ~3) + 2 * chunkRows)
}

/** The scratch of a task. Scores are transposed, keys by queries, and so is the output: maxima and sums are those of columns. */
@unmanaged
class Work {
  table: usize // constants of exp
  mask: usize // [BLOCK keys][8 queries]
  scores: usize // [BLOCK keys][8 queries]
  keys: usize // quads [BLOCK/4][D][4]
  values: usize // columns [D/4][BLOCK][4]
  queries: usize // panels [chunkRows/8][D][8], times the scale
  out: usize // panels [chunkRows/8][D][8], not divided by the sum yet
  max: usize // [chunkRows]
  sum: usize // [chunkRows]
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

function layOut(p: Problem, scratch: usize): Work {
  const w = changetype<Work>(scratch)
  const rowBytes = <usize>p.paddedD * 4
  w.table = scratch + 64
  w.mask = w.table + EXP_TABLE
  w.scores = w.mask + PANEL
  w.keys = w.scores + PANEL
  w.values = w.keys + 64 * rowBytes
  w.queries = w.values + 64 * rowBytes
  w.out = w.queries + <usize>p.chunkRows * rowBytes
  w.max = w.out + <usize>p.chunkRows * rowBytes
  w.sum = w.max + <usize>p.chunkRows * 4
  writeExpTable(w.table)
  return w
}

function forwardRows(p: Problem, b: i32, h: i32, q0: i32, numQ: i32, scratch: usize): void {
  const D = p.D
  const w = layOut(p, scratch)
  packPanels(p.query + p.queryOffset(b, h, q0), p.queryStride, numQ, D, p.scale, w.queries)
  memory.fill(w.out, 0, <usize>(p.chunkRows * p.paddedD) * 4)
  memory.fill(w.sum, 0, <usize>p.chunkRows * 4)
  for (let r: i32 = 0; r < p.chunkRows; r++) store<f32>(w.max + <usize>r * 4, -Infinity)

  const position = q0 + p.S - p.T
  const queryBlock = q0 >> 6
  const queryEnd = blocks(q0 + numQ)
  let block = max(0, position - p.farthest) >> 6
  let end = blocks(max(0, min(p.S, position + numQ - p.nearest)))
  block = firstSharing(p.keyRanges, p.S, b, block, end, lowestId(p.queryRanges, p.T, b, queryBlock, queryEnd))
  end = endSharing(p.keyRanges, p.S, b, block, end, highestId(p.queryRanges, p.T, b, queryBlock, queryEnd))
  for (; block < end; block++) keyBlock(p, w, b, h, block << 6, q0, numQ)
  for (let r: i32 = 0; r < numQ; r += WIDTH) finishPanel(p, w, b, h, q0 + r, min(WIDTH, numQ - r), r)
}

/** What the keys from k0 add to the outputs of a chunk. */
function keyBlock(p: Problem, w: Work, b: i32, h: i32, k0: i32, q0: i32, numQ: i32): void {
  const numK = min(BLOCK, p.S - k0)
  const offset = p.keyOffset(b, h / (p.H / p.K), k0)
  let isPacked = false
  let isFinite = true
  for (let r0: i32 = 0; r0 < numQ; r0 += BLOCK) {
    const shared = segmentsShared(p, b, (q0 + r0) >> 6, k0 >> 6)
    if (shared == NONE) continue
    const last = min(numQ, r0 + BLOCK)
    for (let r = r0; r < last; r += WIDTH) {
      const position = q0 + r + p.S - p.T
      const numColumns = min(WIDTH, numQ - r)
      const low = bandLowOfKeys(p, position, k0)
      const high = bandHighOfKeys(p, position, k0)
      const from = firstRow(low)
      const to = endRow(high, numK, numColumns)
      if (from >= to) continue
      if (!isPacked) {
        packQuads(p.key + offset, p.keyStride, numK, p.D, 1, w.keys)
        isFinite = packColumns(p.value + offset, p.keyStride, numK, p.D, 1, w.values)
        isPacked = true
      }
      const isWhole = shared == ALL && seesAll(from, to, low, high, numK, numColumns)
      if (!isWhole) {
        const ids = idsOf(p.queryIds, p.T, b, q0 + r)
        writeMask(w.mask, from, to, low, high, numK, numColumns, idsOf(p.keyIds, p.S, b, k0), ids)
      }
      forwardPanel(p, w, r, from, to, isWhole, isFinite)
    }
  }
}

/** Keys `[from, to)` of a block against 8 queries, row r of the chunk the first. */
function forwardPanel(p: Problem, w: Work, r: i32, from: i32, to: i32, isWhole: bool, isFinite: bool): void {
  const D = p.D
  const paddedD = p.paddedD
  const scores = w.scores + <usize>from * 32
  const out = w.out + <usize>(r * paddedD) * 4
  multiply(w.keys + <usize>(from * D) * 4, <usize>D * 16, w.queries + <usize>(r * D) * 4, scores, to - from, D, 0)
  if (p.softcap > 0) capScores(scores, scores + <usize>(to - from) * 32, p.softcap)
  if (!isWhole) hide(scores, w.mask + <usize>from * 32, to - from)
  softmaxPanel(scores, to - from, w.max + <usize>r * 4, w.sum + <usize>r * 4, out, paddedD, w.table)
  const values = w.values + <usize>from * 16
  if (isWhole || isFinite) multiply(values, COLUMN_QUAD, scores, out, paddedD, to - from, 1)
  else multiplyVisible(values, COLUMN_QUAD, scores, w.mask + <usize>from * 32, out, paddedD, to - from)
}

/** out / sum and log-sum-exp of up to 8 rows. */
function finishPanel(p: Problem, w: Work, b: i32, h: i32, q0: i32, n: i32, r: i32): void {
  const max = w.max + <usize>r * 4
  const sum = w.sum + <usize>r * 4
  for (let i: i32 = 0; i < n; i++) {
    const at = <usize>i * 4
    store<f32>(sum + at, finishRow(p, b, h, q0 + i, load<f32>(max + at), load<f32>(sum + at)))
  }
  unpackPanel(w.out + <usize>(r * p.paddedD) * 4, n, p.D, sum, p.out + p.queryOffset(b, h, q0), p.queryStride, false)
}
