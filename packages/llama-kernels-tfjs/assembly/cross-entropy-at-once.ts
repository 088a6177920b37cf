// Losses of a linear layer and their gradients from one product: what the logits were is needed once only.
import { COLS, addSmoothed, sumAndMax } from './cross-entropy';
import { GEMM_SCRATCH, gemm } from './gemm';
import { exp, fma, log, min, sumLanes } from './simd';

/** Floats that a tile keeps for each row: its largest logit, Σ e^(x − largest), Σ x, and later a factor. */
const STATS: i32 = 3;
export function crossEntropyStats(): i32 {
  return STATS;
}

/**
 * For `rows` rows and the task's COLS vocabulary entries: d = e^(x − largest of the tile), and its statistics [tile][row][STATS].
 * The logit of a target goes to losses.
 */
export function crossEntropyExponentials(
  task: i32, thread: i32, hidden: usize, weight: usize, targets: usize, losses: usize, d: usize, stats: usize,
  rows: i32, C: i32, V: i32, scratch: usize, scratchBytes: usize, T: usize,
): void {
  const v0 = task * COLS, cols = min(COLS, V - v0), rowBytes = <usize>C * 4, ldd = <usize>V * 4, block = d + <usize>v0 * 4;
  gemm(hidden, rowBytes, 4, weight + <usize>v0 * rowBytes, 4, rowBytes, block, ldd, rows, cols, C, 0, scratch + <usize>thread * scratchBytes);
  stats += <usize>(task * rows * STATS) * 4;
  for (let r: i32 = 0; r < rows; r++) {
    const row = block + <usize>r * ldd, end = row + <usize>cols * 4, vector = row + <usize>(cols & ~3) * 4;
    const target = load<i32>(targets + <usize>r * 4) - v0;
    if (<u32>target < <u32>cols) store<f32>(losses + <usize>r * 4, load<f32>(row + <usize>target * 4));
    store<f32>(stats, 0, 8);
    const largest = sumAndMax(row, cols, -3e38, stats + 8), shift = f32x4.splat(-largest);
    let p = row, sums = f32x4.splat(0);
    for (; p < vector; p += 16) { const e = exp(f32x4.add(v128.load(p), shift), T); v128.store(p, e); sums = f32x4.add(sums, e); }
    let sum = sumLanes(sums);
    for (; p < end; p += 4) { const e = f32x4.extract_lane(exp(f32x4.add(v128.load32_splat(p), shift), T), 0); store<f32>(p, e); sum += e; }
    store<f32>(stats, largest); store<f32>(stats, sum, 4);
    stats += STATS * 4;
  }
}

/** Joins the tiles: losses, and for each tile and row the factor that turns its e^(x − largest) into a gradient, where `largest` was. */
export function crossEntropyJoin(
  stats: usize, losses: usize, dLosses: usize, rows: i32, V: i32, smoothing: f32, zLoss: f32, T: usize,
): void {
  const tiles = (V + COLS - 1) / COLS, step = <usize>(rows * STATS) * 4;
  for (let r: i32 = 0; r < rows; r++) {
    const first = stats + <usize>(r * STATS) * 4;
    let largest: f32 = -3e38, sum: f32 = 0, plain: f32 = 0, s = first;
    for (let tile: i32 = 0; tile < tiles; tile++) { largest = max(largest, load<f32>(s)); plain += load<f32>(s, 8); s += step; }
    s = first;
    for (let tile: i32 = 0; tile < tiles; tile++) { sum += load<f32>(s, 4) * expOf(load<f32>(s) - largest, T); s += step; }
    const o = <usize>r * 4, lse: f32 = largest + log(sum);
    addSmoothed(losses + o, lse, plain, V, smoothing, zLoss);
    const factor: f32 = load<f32>(dLosses + o) * (1 + 2 * zLoss * lse);
    s = first;
    for (let tile: i32 = 0; tile < tiles; tile++) { store<f32>(s, factor * expOf(load<f32>(s) - lse, T)); s += step; }
  }
}

// @ts-ignore: decorator
@inline
function expOf(x: f32, T: usize): f32 {
  return f32x4.extract_lane(exp(f32x4.splat(x), T), 0);
}

/** d becomes the gradient of the logits for the task's COLS entries, as in `crossEntropyGradWeight`; dWeight += dᵀ·hidden (= where `accumulate` is 0), unless its address is 0. */
export function crossEntropyWeight(
  task: i32, thread: i32, hidden: usize, targets: usize, dLosses: usize, d: usize, stats: usize, dWeight: usize,
  rows: i32, C: i32, V: i32, accumulate: i32, smoothing: f32, scratch: usize, scratchBytes: usize,
): void {
  const v0 = task * COLS, cols = min(COLS, V - v0), rowBytes = <usize>C * 4, ldd = <usize>V * 4, block = d + <usize>v0 * 4;
  stats += <usize>(task * rows * STATS) * 4;
  for (let r: i32 = 0; r < rows; r++) {
    const o = <usize>r * 4, row = block + <usize>r * ldd, end = row + <usize>cols * 4, vector = row + <usize>(cols & ~3) * 4;
    const g = load<f32>(dLosses + o), factor = f32x4.splat(load<f32>(stats)), even = f32x4.splat(-g * smoothing / <f32>V);
    let p = row;
    for (; p < vector; p += 16) v128.store(p, fma(factor, v128.load(p), even));
    for (; p < end; p += 4) v128.store_lane<f32>(p, fma(factor, v128.load32_splat(p), even), 0);
    const target = load<i32>(targets + o) - v0;
    if (<u32>target < <u32>cols) { const q = row + <usize>target * 4; store<f32>(q, load<f32>(q) - (1 - smoothing) * g); }
    stats += STATS * 4;
  }
  if (dWeight) gemm(block, 4, ldd, hidden, rowBytes, 4, dWeight + <usize>v0 * rowBytes, rowBytes, cols, C, rows, accumulate, scratch + <usize>thread * scratchBytes);
}
