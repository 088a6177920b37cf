// C = A·B on strided matrices, the classical way (Goto & van de Geijn 2008): blocks of B and A are copied into panels that a
// 4 × 8 micro-kernel reads in order. 8 accumulators + 2 of B + 1 of A are the registers V8 can hold; larger tiles spill.
import { packA, packB } from './pack';
import { fma, min } from './simd';

const KC: i32 = 256; // depth of a panel
const MC: i32 = 64; // rows of A packed at a time (64 KiB: stays in L2)
const NC: i32 = 512; // columns of B packed at a time (512 KiB)
const FEW_ROWS: i32 = 8; // so few rows read B too seldom to pay for packing it
const PACKED_B: usize = 4 * KC * NC;
const PACKED_A: usize = 4 * KC * MC;
const TILE: usize = 4 * 4 * 8; // an edge tile, before its valid part is copied

/** Bytes of scratch one call of `gemm` needs. */
export const GEMM_SCRATCH: usize = PACKED_B + PACKED_A + TILE;

/**
 * C[4, 8] = or += A panel · B, whose rows are `bStep` bytes apart. Do not unroll: V8 schedules all loads of a block first, and spills.
 */
// @ts-ignore: decorator
@inline
function tile48(a: usize, b: usize, bStep: usize, c: usize, ldc: usize, depth: i32, accumulate: i32): void {
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
    a += 16; b += bStep;
  } while (--k);
  v128.store(c, c00); v128.store(c, c01, 16); v128.store(r1, c10); v128.store(r1, c11, 16);
  v128.store(r2, c20); v128.store(r2, c21, 16); v128.store(r3, c30); v128.store(r3, c31, 16);
}

/** On a panel of B. A function of its own: with the step as a constant the loop is 6 % faster. */
function packedTile(a: usize, b: usize, c: usize, ldc: usize, depth: i32, accumulate: i32): void {
  tile48(a, b, 32, c, ldc, depth, accumulate);
}

/** On B where it lies. */
function inPlaceTile(a: usize, b: usize, bStep: usize, c: usize, ldc: usize, depth: i32, accumulate: i32): void {
  tile48(a, b, bStep, c, ldc, depth, accumulate);
}

// @ts-ignore: decorator
@inline
function microKernel(a: usize, b: usize, bStep: usize, c: usize, ldc: usize, depth: i32, accumulate: i32): void {
  if (bStep == 32) packedTile(a, b, c, ldc, depth, accumulate);
  else inPlaceTile(a, b, bStep, c, ldc, depth, accumulate);
}

/** The same for a tile that sticks out, computed aside from C's current values, so that its sums are rounded as a full tile's are. */
function edgeTile(
  a: usize, b: usize, bStep: usize, c: usize, ldc: usize, depth: i32, rows: i32, cols: i32, accumulate: i32, tile: usize,
): void {
  if (accumulate) {
    for (let r: i32 = 0; r < rows; r++) copyFloats(tile + <usize>r * 32, c + <usize>r * ldc, cols);
  }
  microKernel(a, b, bStep, tile, 32, depth, accumulate);
  for (let r: i32 = 0; r < rows; r++) copyFloats(c + <usize>r * ldc, tile + <usize>r * 32, cols);
}

/** At most eight: V8 calls out to the C library for memory.copy, which costs more than this. */
function copyFloats(to: usize, from: usize, count: i32): void {
  if (count >= 4) {
    v128.store(to, v128.load(from));
    if (count == 8) v128.store(to, v128.load(from, 16), 16);
    to += 16; from += 16; count &= 3;
  }
  for (; count > 0; count--) { store<f32>(to, load<f32>(from)); to += 4; from += 4; }
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
  const inPlace = M <= FEW_ROWS && bcs == 4;
  if (K == 0 && !accumulate) for (let i: i32 = 0; i < M; i++) memory.fill(c + <usize>i * ldc, 0, <usize>N * 4);
  for (let jc: i32 = 0; jc < N; jc += NC) {
    const cols = min(NC, N - jc);
    for (let pc: i32 = 0; pc < K; pc += KC) {
      const depth = min(KC, K - pc), add = accumulate | pc, from = b + <usize>pc * brs + <usize>jc * bcs;
      const whole = inPlace ? cols & ~7 : 0; // columns that need no packing
      if (whole < cols) packB(from + <usize>whole * bcs, brs, bcs, depth, cols - whole, packedB);
      for (let ic: i32 = 0; ic < M; ic += MC) {
        const rows = min(MC, M - ic);
        packA(a + <usize>ic * ars + <usize>pc * acs, ars, acs, rows, depth, packedA);
        for (let j: i32 = 0; j < cols; j += 8) {
          let pa = packedA, to = c + <usize>ic * ldc + <usize>(jc + j) * 4;
          const packed = j >= whole;
          const pb = packed ? packedB + <usize>(j - whole) * <usize>depth * 4 : from + <usize>j * 4, step: usize = packed ? 32 : brs;
          for (let i: i32 = 0; i < rows; i += 4) {
            if (j + 8 <= cols && i + 4 <= rows) microKernel(pa, pb, step, to, ldc, depth, add);
            else edgeTile(pa, pb, step, to, ldc, depth, min(4, rows - i), min(8, cols - j), add, tile);
            pa += <usize>depth * 16; to += 4 * ldc;
          }
        }
      }
    }
  }
}
