// Cross-entropy of a linear layer, without the [N, V] logits: they exist one tile at a time.
import { GEMM_SCRATCH, gemm } from './gemm';
import { exp, fma, log, maxLane, min, sumLanes } from './simd';

const ROWS: i32 = 256; // rows of a forward task
export const COLS: i32 = 256; // vocabulary entries per tile

/** Bytes of scratch per thread, for every kernel of this module. */
export function scratchBytes(): i32 {
  return <i32>GEMM_SCRATCH + 4 * ROWS * COLS + 12 * ROWS;
}
export function crossEntropyRows(): i32 {
  return ROWS;
}
export function crossEntropyCols(): i32 {
  return COLS;
}

/** The largest of `atLeast` and the row's logits; adds their sum at `plain`. */
export function sumAndMax(x: usize, cols: i32, atLeast: f32, plain: usize): f32 {
  const vector = x + <usize>(cols & ~3) * 4, end = x + <usize>cols * 4;
  let largest = f32x4.splat(atLeast), sums = f32x4.splat(0);
  for (; x < vector; x += 16) { const v = v128.load(x); largest = f32x4.pmax(largest, v); sums = f32x4.add(sums, v); }
  let sum = sumLanes(sums);
  for (; x < end; x += 4) { largest = f32x4.pmax(largest, v128.load32_splat(x)); sum += load<f32>(x); }
  store<f32>(plain, load<f32>(plain) + sum);
  return maxLane(largest);
}

/** The logit of the target at `loss` becomes the loss: logSumExp − (1 − smoothing)·x_target − smoothing·mean(x) + zLoss·logSumExp². */
export function addSmoothed(loss: usize, logSumExp: f32, plain: f32, V: i32, smoothing: f32, zLoss: f32): void {
  let value: f32 = (1 - smoothing) * (logSumExp - load<f32>(loss)) + zLoss * logSumExp * logSumExp;
  if (smoothing != 0) value += smoothing * (logSumExp - plain / <f32>V);
  store<f32>(loss, value);
}

/** One row of a tile joins the running maximum m, the sum l = Σ e^(x − m) and the plain sum Σ x. */
function addToSoftmax(x: usize, cols: i32, m: usize, l: usize, plain: usize, T: usize): void {
  const vector = x + <usize>(cols & ~3) * 4, end = x + <usize>cols * 4;
  const newMax = sumAndMax(x, cols, load<f32>(m), plain), shift = f32x4.splat(-newMax);
  let p = x, sum = f32x4.splat(0);
  for (; p < vector; p += 16) sum = f32x4.add(sum, exp(f32x4.add(v128.load(p), shift), T));
  let total = sumLanes(sum);
  for (; p < end; p += 4) total += f32x4.extract_lane(exp(f32x4.add(v128.load32_splat(p), shift), T), 0);
  const scale = f32x4.extract_lane(exp(f32x4.splat(load<f32>(m) - newMax), T), 0);
  store<f32>(l, load<f32>(l) * scale + total);
  store<f32>(m, newMax);
}

/** logSumExp and losses of ROWS rows. */
export function crossEntropy(
  task: i32, thread: i32, hidden: usize, weight: usize, targets: usize, losses: usize, logSumExp: usize,
  N: i32, C: i32, V: i32, smoothing: f32, zLoss: f32, scratch: usize, scratchBytes: usize, T: usize,
): void {
  const gemmScratch = scratch + <usize>thread * scratchBytes, tile = gemmScratch + GEMM_SCRATCH;
  const m = tile + 4 * ROWS * COLS, l = m + 4 * ROWS, plain = l + 4 * ROWS, rowBytes = <usize>C * 4;
  const first = task * ROWS, rows = min(ROWS, N - first);
  for (let r: i32 = 0; r < rows; r++) {
    const o = <usize>r * 4;
    store<f32>(m + o, -3e38); store<f32>(l + o, 0); store<f32>(plain + o, 0);
  }
  for (let v0: i32 = 0; v0 < V; v0 += COLS) {
    const cols = min(COLS, V - v0);
    gemm(hidden + <usize>first * rowBytes, rowBytes, 4, weight + <usize>v0 * rowBytes, 4, rowBytes, tile, COLS * 4, rows, cols, C, 0, gemmScratch);
    for (let r: i32 = 0; r < rows; r++) {
      const o = <usize>r * 4, row = tile + o * COLS, target = load<i32>(targets + <usize>first * 4 + o) - v0;
      addToSoftmax(row, cols, m + o, l + o, plain + o, T);
      if (<u32>target < <u32>cols) store<f32>(losses + <usize>first * 4 + o, load<f32>(row + <usize>target * 4));
    }
  }
  for (let r: i32 = 0; r < rows; r++) {
    const o = <usize>r * 4, to = <usize>first * 4 + o, lse: f32 = load<f32>(m + o) + log(load<f32>(l + o));
    store<f32>(logSumExp + to, lse);
    addSmoothed(losses + to, lse, load<f32>(plain + o), V, smoothing, zLoss);
  }
}

/**
 * For `rows` rows and the task's COLS vocabulary entries: the gradient of the logits,
 * d = dLoss·(e^(x − logSumExp)·(1 + 2·zLoss·logSumExp) − smoothing/V − (1 − smoothing)·[v is target]),
 * into the chunk's matrix d[rows, V]; then dWeight += dᵀ·hidden for those entries (= when `accumulate` is 0), unless its address is 0.
 */
export function crossEntropyGradWeight(
  task: i32, thread: i32, hidden: usize, weight: usize, targets: usize, logSumExp: usize, dLosses: usize, d: usize, dWeight: usize,
  rows: i32, C: i32, V: i32, accumulate: i32, smoothing: f32, zLoss: f32, scratch: usize, scratchBytes: usize, T: usize,
): void {
  const gemmScratch = scratch + <usize>thread * scratchBytes;
  const v0 = task * COLS, cols = min(COLS, V - v0), rowBytes = <usize>C * 4, ldd = <usize>V * 4;
  const block = d + <usize>v0 * 4, w = weight + <usize>v0 * rowBytes;
  gemm(hidden, rowBytes, 4, w, 4, rowBytes, block, ldd, rows, cols, C, 0, gemmScratch);
  for (let r: i32 = 0; r < rows; r++) {
    const o = <usize>r * 4, row = block + <usize>r * ldd, end = row + <usize>cols * 4, vector = row + <usize>(cols & ~3) * 4;
    const g = load<f32>(dLosses + o), lse = load<f32>(logSumExp + o), shift = f32x4.splat(-lse);
    const G = f32x4.splat(g * (1 + 2 * zLoss * lse)), even = f32x4.splat(-g * smoothing / <f32>V);
    let p = row;
    for (; p < vector; p += 16) v128.store(p, fma(G, exp(f32x4.add(v128.load(p), shift), T), even));
    for (; p < end; p += 4) v128.store_lane<f32>(p, fma(G, exp(f32x4.add(v128.load32_splat(p), shift), T), even), 0);
    const target = load<i32>(targets + o) - v0;
    if (<u32>target < <u32>cols) { const q = row + <usize>target * 4; store<f32>(q, load<f32>(q) - (1 - smoothing) * g); }
  }
  if (dWeight) gemm(block, 4, ldd, hidden, rowBytes, 4, dWeight + <usize>v0 * rowBytes, rowBytes, cols, C, rows, accumulate, gemmScratch);
}
