// Copies blocks of strided matrices into the panels that the micro-kernels read in order.
import { min } from './simd';

/** Four rows r0…r3 of four floats, transposed, stored `step` bytes apart. */
// @ts-ignore: decorator
@inline
function storeTransposed(r0: v128, r1: v128, r2: v128, r3: v128, to: usize, step: usize): void {
  const t0 = i8x16.shuffle(r0, r1, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const t1 = i8x16.shuffle(r2, r3, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const t2 = i8x16.shuffle(r0, r1, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  const t3 = i8x16.shuffle(r2, r3, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  v128.store(to, i8x16.shuffle(t0, t1, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
  v128.store(to + step, i8x16.shuffle(t0, t1, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
  v128.store(to + 2 * step, i8x16.shuffle(t2, t3, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
  v128.store(to + 3 * step, i8x16.shuffle(t2, t3, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
}

/** Copies a block whose lines (rows of A, columns of B) are contiguous, `lines` ≤ 4 of `depth` floats, into lanes of a panel. */
function packAlong(from: usize, lineStride: usize, lines: i32, depth: i32, to: usize, step: usize): void {
  let p0 = from, p1 = p0 + lineStride, p2 = p1 + lineStride, p3 = p2 + lineStride;
  const zero = f32x4.splat(0);
  let k: i32 = 0;
  if (lines == 4) {
    for (; k + 4 <= depth; k += 4) {
      storeTransposed(v128.load(p0), v128.load(p1), v128.load(p2), v128.load(p3), to, step);
      to += 4 * step; p0 += 16; p1 += 16; p2 += 16; p3 += 16;
    }
  }
  for (; k < depth; k++) {
    v128.store(to, zero);
    if (lines > 0) store<f32>(to, load<f32>(p0));
    if (lines > 1) store<f32>(to, load<f32>(p1), 4);
    if (lines > 2) store<f32>(to, load<f32>(p2), 8);
    if (lines > 3) store<f32>(to, load<f32>(p3), 12);
    to += step; p0 += 4; p1 += 4; p2 += 4; p3 += 4;
  }
}

/** Copies a block whose lines lie `lineStride` apart and whose depth is strided: contiguous across lines, or anything. */
function packAcross(from: usize, lineStride: usize, depthStride: usize, lines: i32, depth: i32, to: usize, step: usize): void {
  if (lines == 4 && lineStride == 4) {
    for (let k: i32 = 0; k < depth; k++) { v128.store(to, v128.load(from)); to += step; from += depthStride; }
    return;
  }
  const zero = f32x4.splat(0);
  for (let k: i32 = 0; k < depth; k++) {
    v128.store(to, zero);
    for (let line: i32 = 0; line < lines; line++) store<f32>(to + <usize>line * 4, load<f32>(from + <usize>line * lineStride));
    to += step; from += depthStride;
  }
}

/**
 * A[rows, depth] → panels [rows / 4][depth][4]; missing rows are zero. Where columns are contiguous, sixteen rows at a time: whole
 * cache lines, which matters when the columns lie a power of two apart.
 */
export function packA(a: usize, rowStride: usize, colStride: usize, rows: i32, depth: i32, to: usize): void {
  const panel = <usize>depth * 16;
  let i: i32 = 0;
  if (rowStride == 4) {
    for (; i + 16 <= rows; i += 16) {
      let p = a, q = to;
      for (let k: i32 = 0; k < depth; k++) {
        v128.store(q, v128.load(p)); v128.store(q + panel, v128.load(p, 16));
        v128.store(q + 2 * panel, v128.load(p, 32)); v128.store(q + 3 * panel, v128.load(p, 48));
        q += 16; p += colStride;
      }
      a += 64; to += 4 * panel;
    }
  }
  for (; i < rows; i += 4) {
    const lines = min(4, rows - i);
    if (colStride == 4) packAlong(a, rowStride, lines, depth, to, 16);
    else packAcross(a, rowStride, colStride, lines, depth, to, 16);
    a += 4 * rowStride; to += panel;
  }
}

/** B[depth, cols] → panels [cols / 8][depth][8]; missing columns are zero. */
export function packB(b: usize, rowStride: usize, colStride: usize, depth: i32, cols: i32, to: usize): void {
  const panel = <usize>depth * 32;
  let j: i32 = 0;
  if (colStride == 4) {
    for (; j + 16 <= cols; j += 16) { // whole cache lines, as in packA
      let p = b, q = to;
      for (let k: i32 = 0; k < depth; k++) {
        v128.store(q, v128.load(p)); v128.store(q, v128.load(p, 16), 16);
        v128.store(q + panel, v128.load(p, 32)); v128.store(q + panel, v128.load(p, 48), 16);
        q += 32; p += rowStride;
      }
      b += 64; to += 2 * panel;
    }
  }
  for (; j < cols; j += 8) {
    for (let half: i32 = 0; half < 8; half += 4) {
      const lines = min(4, cols - j - half);
      const p = b + <usize>half * colStride, q = to + <usize>half * 4;
      if (rowStride == 4) packAlong(p, colStride, lines, depth, q, 32);
      else packAcross(p, colStride, rowStride, lines, depth, q, 32);
    }
    b += 8 * colStride; to += panel;
  }
}
