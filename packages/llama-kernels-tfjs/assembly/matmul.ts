import { gemm } from './gemm';
import { exp, min } from './simd';

/** One block of `blockRows` × `blockCols` of one matrix of the batch; blocks are numbered along the row, then down, then the batch. */
export function matMul(
  task: i32, thread: i32, a: usize, ars: usize, acs: usize, b: usize, brs: usize, bcs: usize, c: usize,
  M: i32, N: i32, K: i32, blockRows: i32, blockCols: i32, batchOffsets: usize, scratch: usize, scratchBytes: usize,
  bias: usize, biasSize: i32, activation: i32, slope: f32, prelu: usize, preluSize: i32, T: usize,
): void {
  const across = (N + blockCols - 1) / blockCols, perMatrix = across * ((M + blockRows - 1) / blockRows);
  const matrix = task / perMatrix, block = task % perMatrix;
  const i = (block / across) * blockRows, j = (block % across) * blockCols;
  if (batchOffsets) {
    a += load<usize>(batchOffsets + <usize>matrix * 8);
    b += load<usize>(batchOffsets + <usize>matrix * 8, 4);
  }
  const ldc = <usize>N * 4, rows = min(blockRows, M - i), cols = min(blockCols, N - j);
  const to = c + (<usize>matrix * <usize>M + <usize>i) * ldc + <usize>j * 4;
  gemm(a + <usize>i * ars, ars, acs, b + <usize>j * bcs, brs, bcs, to, ldc, rows, cols, K, 0, scratch + <usize>thread * scratchBytes);
  if (!bias && !activation) return;
  if (biasSize == N) bias += <usize>j * 4;
  if (preluSize == N) prelu += <usize>j * 4;
  for (let r: i32 = 0; r < rows; r++) {
    finishRow(to + <usize>r * ldc, cols, bias, biasSize == N, activation, slope, prelu, preluSize == N, T);
  }
}

/** y = activation(y + bias) on one row, while it is still in the cache. Numbers as in tfjs's FusableActivation. */
function finishRow(y: usize, cols: i32, bias: usize, biasMoves: bool, activation: i32, slope: f32, prelu: usize, preluMoves: bool, T: usize): void {
  const biasStep: usize = biasMoves ? 4 : 0, preluStep: usize = preluMoves ? 4 : 0;
  const zero = f32x4.splat(0), one = f32x4.splat(1);
  let j: i32 = 0;
  while (j < cols) {
    const full = j + 4 <= cols;
    let v = full ? v128.load(y) : v128.load32_splat(y);
    if (bias) v = f32x4.add(v, full && biasMoves ? v128.load(bias) : v128.load32_splat(bias));
    if (activation == 1) v = f32x4.max(v, zero);
    else if (activation == 2) v = f32x4.min(f32x4.max(v, zero), f32x4.splat(6));
    else if (activation == 5) v = f32x4.div(one, f32x4.add(one, exp(f32x4.neg(v), T)));
    else if (activation) {
      let negative: v128;
      if (activation == 3) negative = f32x4.mul(v, full && preluMoves ? v128.load(prelu) : v128.load32_splat(prelu));
      else if (activation == 4) negative = f32x4.mul(v, f32x4.splat(slope));
      else negative = f32x4.sub(exp(v, T), one);
      v = v128.bitselect(negative, v, f32x4.lt(v, zero));
    }
    if (full) { v128.store(y, v); y += 16; j += 4; bias += biasStep * 4; prelu += preluStep * 4; }
    else { v128.store_lane<f32>(y, v, 0); y += 4; j++; bias += biasStep; prelu += preluStep; }
  }
}
