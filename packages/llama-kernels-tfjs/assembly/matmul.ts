import { gemm } from './gemm';
import { exp, min } from './simd';
import { combine, dots, narrow } from './thin';

/** So few rows that each row of a transposed B, read once, can meet all of them before the next one comes. As in kernels/blocks.ts. */
const FEW_ROWS: i32 = 8;

/** Whether the product is a sum of so few rows that panels do not pay. */
// @ts-ignore: decorator
@inline
function isFlat(M: i32, K: i32): bool {
  return K <= 4 || (K <= 8 && M <= 8);
}

/**
 * One block of `blockRows` × `blockCols` of one matrix of the batch; blocks are numbered along the row, then down, then the batch.
 * `offsets`, where given, holds four words for every matrix: where A, B, bias and slopes start for it. Otherwise matrix m of A and B
 * starts m·aBatch and m·bBatch bytes on.
 */
export function matMul(
  task: i32, thread: i32, a: usize, ars: usize, acs: usize, b: usize, brs: usize, bcs: usize, c: usize,
  M: i32, N: i32, K: i32, blockRows: i32, blockCols: i32, aBatch: usize, bBatch: usize, offsets: usize, scratch: usize, scratchBytes: usize,
  bias: usize, biasRow: usize, biasCol: usize, activation: i32, slope: f32, prelu: usize, preluRow: usize, preluCol: usize, T: usize,
): void {
  const across = (N + blockCols - 1) / blockCols, perMatrix = across * ((M + blockRows - 1) / blockRows);
  const matrix = task / perMatrix, block = task % perMatrix;
  const i = (block / across) * blockRows, j = (block % across) * blockCols;
  blockProduct(
    matrix, i, j, min(blockRows, M - i), min(blockCols, N - j), a, ars, acs, b, brs, bcs, c, M, N, K, aBatch, bBatch, offsets,
    scratch + <usize>thread * scratchBytes, bias, biasRow, biasCol, activation, slope, prelu, preluRow, preluCol, T,
  );
}

/** All matrices of a product that is too small for threads, in one call. */
export function matMulAlone(
  matrices: i32, a: usize, ars: usize, acs: usize, b: usize, brs: usize, bcs: usize, c: usize,
  M: i32, N: i32, K: i32, blockRows: i32, blockCols: i32, aBatch: usize, bBatch: usize, offsets: usize, scratch: usize, scratchBytes: usize,
  bias: usize, biasRow: usize, biasCol: usize, activation: i32, slope: f32, prelu: usize, preluRow: usize, preluCol: usize, T: usize,
): void {
  for (let matrix: i32 = 0; matrix < matrices; matrix++) {
    blockProduct(
      matrix, 0, 0, M, N, a, ars, acs, b, brs, bcs, c, M, N, K, aBatch, bBatch, offsets,
      scratch, bias, biasRow, biasCol, activation, slope, prelu, preluRow, preluCol, T,
    );
  }
}

function blockProduct(
  matrix: i32, i: i32, j: i32, rows: i32, cols: i32, a: usize, ars: usize, acs: usize, b: usize, brs: usize, bcs: usize, c: usize,
  M: i32, N: i32, K: i32, aBatch: usize, bBatch: usize, offsets: usize, scratch: usize,
  bias: usize, biasRow: usize, biasCol: usize, activation: i32, slope: f32, prelu: usize, preluRow: usize, preluCol: usize, T: usize,
): void {
  if (offsets) {
    const entry = offsets + <usize>matrix * 16;
    a += load<usize>(entry); b += load<usize>(entry, 4); bias += load<usize>(entry, 8); prelu += load<usize>(entry, 12);
  } else {
    a += <usize>matrix * aBatch; b += <usize>matrix * bBatch;
  }
  const ldc = <usize>N * 4, to = c + (<usize>matrix * <usize>M + <usize>i) * ldc + <usize>j * 4;
  a += <usize>i * ars; b += <usize>j * bcs;
  // which way is decided by the whole product: the same sums for any cut into blocks
  if (M == 1) vectorProduct(b, bcs, brs, a, acs, to, N, cols, K);
  else if (N == 1) vectorProduct(a, ars, acs, b, brs, to, M, rows, K);
  else if (N <= 4) narrow(a, ars, acs, b, brs, bcs, to, rows, N, K, scratch);
  else if (isFlat(M, K) && bcs == 4 && N >= 32) {
    for (let r: i32 = 0; r < rows; r++) combine(b, brs, a + <usize>r * ars, acs, to + <usize>r * ldc, cols, K);
  } else if (M <= FEW_ROWS && brs == 4 && acs == 4) dots(b, bcs, a, ars, to, ldc, cols, M, K);
  else gemm(a, ars, acs, b, brs, bcs, to, ldc, rows, cols, K, 0, scratch);
  if (!bias && !activation) return;
  bias += <usize>i * biasRow + <usize>j * biasCol;
  prelu += <usize>i * preluRow + <usize>j * preluCol;
  for (let r: i32 = 0; r < rows; r++) {
    finishRow(to + <usize>r * ldc, cols, bias + <usize>r * biasRow, biasCol, activation, slope, prelu + <usize>r * preluRow, preluCol, T);
  }
}

/** `count` elements of W·x, W[total, K] with outputs `outStride` and depth `depthStride` bytes apart; at least one of the two is 4. */
function vectorProduct(W: usize, outStride: usize, depthStride: usize, x: usize, xStep: usize, y: usize, total: i32, count: i32, K: i32): void {
  if (outStride == 4 && total > 1) combine(W, depthStride, x, xStep, y, count, K);
  else dots(W, outStride, x, 0, y, 0, count, 1, K);
}

/** y = activation(y + bias) on one row, while it is still in the cache. Numbers as in kernels/matmul.ts; columns are 0 or 4 bytes apart. */
function finishRow(
  y: usize, cols: i32, bias: usize, biasCol: usize, activation: i32, slope: f32, prelu: usize, preluCol: usize, T: usize,
): void {
  const zero = f32x4.splat(0), one = f32x4.splat(1), hasBias = bias != 0;
  let j: i32 = 0;
  while (j < cols) {
    const full = j + 4 <= cols;
    let v = full ? v128.load(y) : v128.load32_splat(y);
    if (hasBias) v = f32x4.add(v, full && biasCol ? v128.load(bias) : v128.load32_splat(bias));
    if (activation == 1) v = f32x4.max(v, zero);
    else if (activation == 2) v = f32x4.min(f32x4.max(v, zero), f32x4.splat(6));
    else if (activation == 5) v = f32x4.div(one, f32x4.add(one, exp(f32x4.neg(v), T)));
    else if (activation) {
      let negative: v128;
      if (activation == 3) negative = f32x4.mul(v, full && preluCol ? v128.load(prelu) : v128.load32_splat(prelu));
      else if (activation == 4) negative = f32x4.mul(v, f32x4.splat(slope));
      else negative = f32x4.sub(exp(v, T), one);
      v = v128.bitselect(negative, v, f32x4.lt(v, zero));
    }
    if (full) { v128.store(y, v); y += 16; j += 4; bias += biasCol * 4; prelu += preluCol * 4; }
    else { v128.store_lane<f32>(y, v, 0); y += 4; j++; bias += biasCol; prelu += preluCol; }
  }
}
