// C = A·B on strided matrices, the classical way (Goto & van de Geijn 2008): blocks of B and A are copied into panels that a
// 4 × 8 micro-kernel reads in order. 8 accumulators + 2 of B + 1 of A are the registers V8 can hold; larger tiles spill.
import { fma, min } from './simd';

const KC: i32 = 256; // depth of a panel
const MC: i32 = 64; // rows of A packed at a time (64 KiB: stays in L2)
const NC: i32 = 512; // columns of B packed at a time (512 KiB)
const PACKED_B: usize = 4 * KC * NC;
const PACKED_A: usize = 4 * KC * MC;
const TILE: usize = 4 * 4 * 8; // an edge tile, before its valid part is copied

/** Bytes of scratch one call of `gemm` needs. */
export const GEMM_SCRATCH: usize = PACKED_B + PACKED_A + TILE;

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
function packA(a: usize, rowStride: usize, colStride: usize, rows: i32, depth: i32, to: usize): void {
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
function packB(b: usize, rowStride: usize, colStride: usize, depth: i32, cols: i32, to: usize): void {
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

/**
 * C[4, 8] = or += A panel · B panel. Do not unroll: V8 schedules all loads of a block first, and spills. Rows of A read where they
 * lie, through four pointers, cost more than packing them.
 */
function microKernel(a: usize, b: usize, c: usize, ldc: usize, depth: i32, accumulate: i32): void {
  let c00: v128, c01: v128, c10: v128, c11: v128, c20: v128, c21: v128, c30: v128, c31: v128;
  const r1 = c + ldc, r2 = r1 + ldc, r3 = r2 + ldc;
  if (accumulate) {
    c00 = v128.load(c); c01 = v128.load(c, 16); c10 = v128.load(r1); c11 = v128.load(r1, 16);
    c20 = v128.load(r2); c21 = v128.load(r2, 16); c30 = v128.load(r3); c31 = v128.load(r3, 16);
  } else {
    c00 = c01 = c10 = c11 = c20 = c21 = c30 = c31 = f32x4.splat(0);
  }
  let k = depth;
  do {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let x = v128.load32_splat(a);
    c00 = fma(x, b0, c00); c01 = fma(x, b1, c01);
    x = v128.load32_splat(a, 4);
    c10 = fma(x, b0, c10); c11 = fma(x, b1, c11);
    x = v128.load32_splat(a, 8);
    c20 = fma(x, b0, c20); c21 = fma(x, b1, c21);
    x = v128.load32_splat(a, 12);
    c30 = fma(x, b0, c30); c31 = fma(x, b1, c31);
    a += 16; b += 32;
  } while (--k);
  v128.store(c, c00); v128.store(c, c01, 16); v128.store(r1, c10); v128.store(r1, c11, 16);
  v128.store(r2, c20); v128.store(r2, c21, 16); v128.store(r3, c30); v128.store(r3, c31, 16);
}

/** The same for a tile that sticks out, computed aside from C's current values, so that its sums are rounded as a full tile's are. */
function edgeTile(a: usize, b: usize, c: usize, ldc: usize, depth: i32, rows: i32, cols: i32, accumulate: i32, tile: usize): void {
  if (accumulate) {
    for (let r: i32 = 0; r < rows; r++) memory.copy(tile + <usize>r * 32, c + <usize>r * ldc, <usize>cols * 4);
  }
  microKernel(a, b, tile, 32, depth, accumulate);
  for (let r: i32 = 0; r < rows; r++) memory.copy(c + <usize>r * ldc, tile + <usize>r * 32, <usize>cols * 4);
}

/**
 * C[M, N] = A[M, K]·B[K, N], or += with `accumulate`. Strides in bytes; element (i, k) of A is at a + i·ars + k·acs, of B at
 * b + k·brs + j·bcs; rows of C are contiguous, `ldc` apart. Each element is summed over k in order whatever the blocks are.
 */
export function gemm(
  a: usize, ars: usize, acs: usize, b: usize, brs: usize, bcs: usize, c: usize, ldc: usize,
  M: i32, N: i32, K: i32, accumulate: i32, scratch: usize,
): void {
  const packedB = scratch, packedA = scratch + PACKED_B, tile = packedA + PACKED_A;
  if (K == 0 && !accumulate) for (let i: i32 = 0; i < M; i++) memory.fill(c + <usize>i * ldc, 0, <usize>N * 4);
  for (let jc: i32 = 0; jc < N; jc += NC) {
    const cols = min(NC, N - jc);
    for (let pc: i32 = 0; pc < K; pc += KC) {
      const depth = min(KC, K - pc), add = accumulate | pc;
      packB(b + <usize>pc * brs + <usize>jc * bcs, brs, bcs, depth, cols, packedB);
      for (let ic: i32 = 0; ic < M; ic += MC) {
        const rows = min(MC, M - ic);
        packA(a + <usize>ic * ars + <usize>pc * acs, ars, acs, rows, depth, packedA);
        for (let j: i32 = 0; j < cols; j += 8) {
          let pa = packedA, to = c + <usize>ic * ldc + <usize>(jc + j) * 4;
          const pb = packedB + <usize>j * <usize>depth * 4;
          for (let i: i32 = 0; i < rows; i += 4) {
            if (j + 8 <= cols && i + 4 <= rows) microKernel(pa, pb, to, ldc, depth, add);
            else edgeTile(pa, pb, to, ldc, depth, min(4, rows - i), min(8, cols - j), add, tile);
            pa += <usize>depth * 16; to += 4 * ldc;
          }
        }
      }
    }
  }
}
