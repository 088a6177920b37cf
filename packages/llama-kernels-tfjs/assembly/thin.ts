// Products in which one side is so short that panels do not pay: vectors, one to four columns, a small depth.
import { packB } from './pack';
import { fma, min, sumLanes } from './simd';

const DEPTH: i32 = 256; // of the panel of `narrow`

/**
 * y[i, o] = Σ_k W[o, k]·x[i, k] for n rows of W and M rows of x that are contiguous along k; `stride`, `xRow`, `yRow` bytes from a row to
 * the next. One row of W at a time, for all of x: memory is read once, in one stream, which processors foresee better than four. Every
 * sum has the same order whatever M and n are.
 */
export function dots(W: usize, stride: usize, x: usize, xRow: usize, y: usize, yRow: usize, n: i32, M: i32, K: i32): void {
  const bytes = <usize>K * 4;
  for (let o: i32 = 0; o < n; o++) {
    let q = x, to = y, i: i32 = 0;
    for (; i + 2 <= M; i += 2) { dotTwo(W, q, q + xRow, to, to + yRow, bytes); q += 2 * xRow; to += 2 * yRow; }
    if (i < M) store<f32>(to, dot(W, q, bytes));
    W += stride; y += 4;
  }
}

/** Σ p·q, in four accumulators. */
function dot(p: usize, q: usize, bytes: usize): f32 {
  const end = p + bytes, vector = p + (bytes & ~15), wide = p + (bytes & ~63);
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  for (; p < wide; p += 64) {
    s0 = fma(v128.load(p), v128.load(q), s0); s1 = fma(v128.load(p, 16), v128.load(q, 16), s1);
    s2 = fma(v128.load(p, 32), v128.load(q, 32), s2); s3 = fma(v128.load(p, 48), v128.load(q, 48), s3);
    q += 64;
  }
  for (; p < vector; p += 16) { s0 = fma(v128.load(p), v128.load(q), s0); q += 16; }
  let sum = sumLanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
  for (; p < end; p += 4) { sum += load<f32>(p) * load<f32>(q); q += 4; }
  return sum;
}

/** `dot` of p with two rows. */
function dotTwo(p: usize, q: usize, r: usize, toQ: usize, toR: usize, bytes: usize): void {
  const end = p + bytes, vector = p + (bytes & ~15), wide = p + (bytes & ~63);
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
  for (; p < wide; p += 64) {
    let w = v128.load(p);
    s0 = fma(w, v128.load(q), s0); t0 = fma(w, v128.load(r), t0);
    w = v128.load(p, 16);
    s1 = fma(w, v128.load(q, 16), s1); t1 = fma(w, v128.load(r, 16), t1);
    w = v128.load(p, 32);
    s2 = fma(w, v128.load(q, 32), s2); t2 = fma(w, v128.load(r, 32), t2);
    w = v128.load(p, 48);
    s3 = fma(w, v128.load(q, 48), s3); t3 = fma(w, v128.load(r, 48), t3);
    q += 64; r += 64;
  }
  for (; p < vector; p += 16) { const w = v128.load(p); s0 = fma(w, v128.load(q), s0); t0 = fma(w, v128.load(r), t0); q += 16; r += 16; }
  let sum = sumLanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3))), other = sumLanes(f32x4.add(f32x4.add(t0, t1), f32x4.add(t2, t3)));
  for (; p < end; p += 4) { const w = load<f32>(p); sum += w * load<f32>(q); other += w * load<f32>(r); q += 4; r += 4; }
  store<f32>(toQ, sum);
  store<f32>(toR, other);
}

const BLOCK: i32 = 32768; // of y: 128 KiB stay in L2, and the rows of W run long enough for the processor to read ahead

/** y[j] = Σ_k x[k]·W[k, j], j < n, for rows of W that are contiguous along j and `stride` bytes apart; x[k] are `xStep` bytes apart. */
export function combine(W: usize, stride: usize, x: usize, xStep: usize, y: usize, n: i32, K: i32): void {
  if (K == 0) memory.fill(y, 0, <usize>n * 4);
  for (let j: i32 = 0; j < n; j += BLOCK) {
    const bytes = <usize>min(BLOCK, n - j) * 4;
    let p = W + <usize>j * 4, q = x;
    const to = y + <usize>j * 4;
    let k: i32 = 0;
    for (; k + 4 <= K; k += 4) {
      addFour(p, stride, load<f32>(q), load<f32>(q + xStep), load<f32>(q + 2 * xStep), load<f32>(q + 3 * xStep), to, bytes, k);
      p += 4 * stride; q += 4 * xStep;
    }
    if (k + 2 <= K) { addTwo(p, p + stride, load<f32>(q), load<f32>(q + xStep), to, bytes, k); p += 2 * stride; q += 2 * xStep; k += 2; }
    if (k < K) addOne(p, load<f32>(q), to, bytes, k);
  }
}

function addFour(p0: usize, stride: usize, a0: f32, a1: f32, a2: f32, a3: f32, y: usize, bytes: usize, accumulate: i32): void {
  const p1 = p0 + stride, p2 = p1 + stride, p3 = p2 + stride, vector = bytes & ~15;
  const x0 = f32x4.splat(a0), x1 = f32x4.splat(a1), x2 = f32x4.splat(a2), x3 = f32x4.splat(a3);
  let o: usize = 0;
  if (accumulate) {
    for (; o < vector; o += 16) {
      const t = fma(x1, v128.load(p1 + o), fma(x0, v128.load(p0 + o), v128.load(y + o)));
      v128.store(y + o, fma(x3, v128.load(p3 + o), fma(x2, v128.load(p2 + o), t)));
    }
  } else {
    for (; o < vector; o += 16) {
      const t = fma(x1, v128.load(p1 + o), f32x4.mul(x0, v128.load(p0 + o)));
      v128.store(y + o, fma(x3, v128.load(p3 + o), fma(x2, v128.load(p2 + o), t)));
    }
  }
  for (; o < bytes; o += 4) { // one lane of the same arithmetic
    let t = accumulate ? v128.load32_zero(y + o) : f32x4.splat(0);
    t = fma(x1, v128.load32_zero(p1 + o), fma(x0, v128.load32_zero(p0 + o), t));
    v128.store_lane<f32>(y + o, fma(x3, v128.load32_zero(p3 + o), fma(x2, v128.load32_zero(p2 + o), t)), 0);
  }
}

function addTwo(p0: usize, p1: usize, a0: f32, a1: f32, y: usize, bytes: usize, accumulate: i32): void {
  const x0 = f32x4.splat(a0), x1 = f32x4.splat(a1), vector = bytes & ~15;
  let o: usize = 0;
  if (accumulate) for (; o < vector; o += 16) v128.store(y + o, fma(x1, v128.load(p1 + o), fma(x0, v128.load(p0 + o), v128.load(y + o))));
  else for (; o < vector; o += 16) v128.store(y + o, fma(x1, v128.load(p1 + o), f32x4.mul(x0, v128.load(p0 + o))));
  for (; o < bytes; o += 4) {
    const t = accumulate ? v128.load32_zero(y + o) : f32x4.splat(0);
    v128.store_lane<f32>(y + o, fma(x1, v128.load32_zero(p1 + o), fma(x0, v128.load32_zero(p0 + o), t)), 0);
  }
}

function addOne(p: usize, a: f32, y: usize, bytes: usize, accumulate: i32): void {
  const x = f32x4.splat(a), vector = bytes & ~15;
  let o: usize = 0;
  if (accumulate) for (; o < vector; o += 16) v128.store(y + o, fma(x, v128.load(p + o), v128.load(y + o)));
  else for (; o < vector; o += 16) v128.store(y + o, f32x4.mul(x, v128.load(p + o)));
  for (; o < bytes; o += 4) {
    const t = accumulate ? v128.load32_zero(y + o) : f32x4.splat(0);
    v128.store_lane<f32>(y + o, fma(x, v128.load32_zero(p + o), t), 0);
  }
}

/** C[M, N] = A·B for N ≤ 4: the columns of B become the lanes of one vector per k, and A is read where it lies, four rows at a time. */
export function narrow(
  a: usize, ars: usize, acs: usize, b: usize, brs: usize, bcs: usize, c: usize, M: i32, N: i32, K: i32, panel: usize,
): void {
  const ldc = <usize>N * 4;
  if (K == 0) memory.fill(c, 0, <usize>M * ldc);
  for (let pc: i32 = 0; pc < K; pc += DEPTH) {
    const depth = min(DEPTH, K - pc);
    const inPlace = N == 4 && bcs == 4, from = b + <usize>pc * brs;
    if (!inPlace) packB(from, brs, bcs, depth, N, panel); // eight lanes, of which the first four are read
    let p = a + <usize>pc * acs, to = c;
    for (let i: i32 = 0; i < M; i += 4) {
      const left = M - i;
      fourRows(p, p + (left > 1 ? ars : 0), p + (left > 2 ? 2 * ars : 0), p + (left > 3 ? 3 * ars : 0), acs, inPlace ? from : panel, inPlace ? brs : 32, depth, to, ldc, left, N, pc);
      p += 4 * ars; to += 4 * ldc;
    }
  }
}

function fourRows(
  p0: usize, p1: usize, p2: usize, p3: usize, step: usize, b: usize, bStep: usize, depth: i32,
  c: usize, ldc: usize, rows: i32, N: i32, accumulate: i32,
): void {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  if (accumulate) {
    s0 = loadLanes(c, N);
    if (rows > 1) s1 = loadLanes(c + ldc, N);
    if (rows > 2) s2 = loadLanes(c + 2 * ldc, N);
    if (rows > 3) s3 = loadLanes(c + 3 * ldc, N);
  }
  do {
    const v = v128.load(b);
    s0 = fma(v128.load32_splat(p0), v, s0); s1 = fma(v128.load32_splat(p1), v, s1);
    s2 = fma(v128.load32_splat(p2), v, s2); s3 = fma(v128.load32_splat(p3), v, s3);
    p0 += step; p1 += step; p2 += step; p3 += step; b += bStep;
  } while (--depth);
  storeLanes(c, s0, N);
  if (rows > 1) storeLanes(c + ldc, s1, N);
  if (rows > 2) storeLanes(c + 2 * ldc, s2, N);
  if (rows > 3) storeLanes(c + 3 * ldc, s3, N);
}

// @ts-ignore: decorator
@inline
function loadLanes(p: usize, count: i32): v128 {
  if (count == 4) return v128.load(p);
  let v = v128.load32_zero(p);
  if (count > 1) v = v128.load_lane<f32>(p + 4, v, 1);
  if (count > 2) v = v128.load_lane<f32>(p + 8, v, 2);
  return v;
}

// @ts-ignore: decorator
@inline
function storeLanes(p: usize, v: v128, count: i32): void {
  if (count == 4) { v128.store(p, v); return; }
  v128.store_lane<f32>(p, v, 0);
  if (count > 1) v128.store_lane<f32>(p + 4, v, 1);
  if (count > 2) v128.store_lane<f32>(p + 8, v, 2);
}
