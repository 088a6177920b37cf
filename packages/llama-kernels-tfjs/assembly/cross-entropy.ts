// Cross-entropy of a linear layer, without the [N, V] logits: they exist one tile at a time.
import { GEMM_SCRATCH, gemm } from './gemm';
import { exp, fma, log, maxLane, min, sumLanes } from './simd';

const ROWS: i32 = 256; // rows of a forward task
const COLS: i32 = 256; // vocabulary entries per tile

/** Bytes of scratch per thread, for every kernel of this module. */
export function scratchBytes(): i32 {
  return <i32>GEMM_SCRATCH + 4 * ROWS * COLS + 8 * ROWS;
}
export function crossEntropyRows(): i32 {
  return ROWS;
}
export function crossEntropyCols(): i32 {
  return COLS;
}

/** One row of a tile joins the running maximum m and sum l = Σ e^(x − m). */
function addToSoftmax(x: usize, cols: i32, m: usize, l: usize, T: usize): void {
  const vector = x + <usize>(cols & ~3) * 4, end = x + <usize>cols * 4;
  let p = x, largest = f32x4.splat(load<f32>(m));
  for (; p < vector; p += 16) largest = f32x4.pmax(largest, v128.load(p));
  for (; p < end; p += 4) largest = f32x4.pmax(largest, v128.load32_splat(p));
  const newMax = maxLane(largest), shift = f32x4.splat(-newMax);
  let sum = f32x4.splat(0);
  for (p = x; p < vector; p += 16) sum = f32x4.add(sum, exp(f32x4.add(v128.load(p), shift), T));
  let total = sumLanes(sum);
  for (; p < end; p += 4) total += f32x4.extract_lane(exp(f32x4.add(v128.load32_splat(p), shift), T), 0);
  const scale = f32x4.extract_lane(exp(f32x4.splat(load<f32>(m) - newMax), T), 0);
  store<f32>(l, load<f32>(l) * scale + total);
  store<f32>(m, newMax);
}

/** logSumExp and loss = logSumExp − logit of the target, for ROWS rows. */
export function crossEntropy(
  task: i32, thread: i32, hidden: usize, weight: usize, targets: usize, losses: usize, logSumExp: usize,
  N: i32, C: i32, V: i32, scratch: usize, scratchBytes: usize, T: usize,
): void {
  const gemmScratch = scratch + <usize>thread * scratchBytes, tile = gemmScratch + GEMM_SCRATCH;
  const m = tile + 4 * ROWS * COLS, l = m + 4 * ROWS, rowBytes = <usize>C * 4;
  const first = task * ROWS, rows = min(ROWS, N - first);
  for (let r: i32 = 0; r < rows; r++) {
    store<f32>(m + <usize>r * 4, -3e38);
    store<f32>(l + <usize>r * 4, 0);
  }
  for (let v0: i32 = 0; v0 < V; v0 += COLS) {
    const cols = min(COLS, V - v0);
    gemm(hidden + <usize>first * rowBytes, rowBytes, 4, weight + <usize>v0 * rowBytes, 4, rowBytes, tile, COLS * 4, rows, cols, C, 0, gemmScratch);
    for (let r: i32 = 0; r < rows; r++) {
      const o = <usize>r * 4, row = tile + o * COLS, target = load<i32>(targets + <usize>first * 4 + o) - v0;
      addToSoftmax(row, cols, m + o, l + o, T);
      if (<u32>target < <u32>cols) store<f32>(losses + <usize>first * 4 + o, load<f32>(row + <usize>target * 4));
    }
  }
  for (let r: i32 = 0; r < rows; r++) {
    const o = <usize>r * 4, to = <usize>first * 4 + o, lse: f32 = load<f32>(m + o) + log(load<f32>(l + o));
    store<f32>(logSumExp + to, lse);
    store<f32>(losses + to, lse - load<f32>(losses + to));
  }
}

/**
 * For `rows` rows and the task's COLS vocabulary entries: the gradient of the logits, d = (e^(x − logSumExp) − [v is target])·dLoss,
 * into the chunk's matrix d[rows, V]; then dWeight += dᵀ·hidden for those entries (= when `accumulate` is 0).
 */
export function crossEntropyGradWeight(
  task: i32, thread: i32, hidden: usize, weight: usize, targets: usize, logSumExp: usize, dLosses: usize, d: usize, dWeight: usize,
  rows: i32, C: i32, V: i32, accumulate: i32, scratch: usize, scratchBytes: usize, T: usize,
): void {
  const gemmScratch = scratch + <usize>thread * scratchBytes;
  const v0 = task * COLS, cols = min(COLS, V - v0), rowBytes = <usize>C * 4, ldd = <usize>V * 4;
  const block = d + <usize>v0 * 4, w = weight + <usize>v0 * rowBytes;
  gemm(hidden, rowBytes, 4, w, 4, rowBytes, block, ldd, rows, cols, C, 0, gemmScratch);
  for (let r: i32 = 0; r < rows; r++) {
    const o = <usize>r * 4, row = block + <usize>r * ldd, end = row + <usize>cols * 4, vector = row + <usize>(cols & ~3) * 4;
    const g = load<f32>(dLosses + o), G = f32x4.splat(g), shift = f32x4.splat(-load<f32>(logSumExp + o));
    let p = row;
    for (; p < vector; p += 16) v128.store(p, f32x4.mul(G, exp(f32x4.add(v128.load(p), shift), T)));
    for (; p < end; p += 4) v128.store_lane<f32>(p, f32x4.mul(G, exp(f32x4.add(v128.load32_splat(p), shift), T)), 0);
    const target = load<i32>(targets + o) - v0;
    if (<u32>target < <u32>cols) { const q = row + <usize>target * 4; store<f32>(q, load<f32>(q) - g); }
  }
  gemm(block, 4, ldd, hidden, rowBytes, 4, dWeight + <usize>v0 * rowBytes, rowBytes, cols, C, rows, accumulate, gemmScratch);
}
