import { BLOCK } from './problem'
import { fma } from './simd'

// Rows of tensors, `stride` bytes apart, in and out of the shapes of ./product.ts. A block is 64 rows; rows from `n` on are packed as 0.

/** Rows become columns of panels, `[BLOCK/8][D][8]`, times `factor`. */
export function packPanels(source: usize, stride: usize, n: i32, D: i32, factor: f32, target: usize): void {
  const last = (n + 7) & ~7
  for (let r: i32 = 0; r < last; r += 4) {
    transpose(source + <usize>r * stride, stride, n - r, D, factor, target + <usize>(r >> 3) * <usize>D * 32 + <usize>(r & 4) * 4, 32)
  }
}

/** Rows become quads, `[BLOCK/4][D][4]`, times `factor`. */
export function packQuads(source: usize, stride: usize, n: i32, D: i32, factor: f32, target: usize): void {
  for (let r: i32 = 0; r < n; r += 4) {
    transpose(source + <usize>r * stride, stride, n - r, D, factor, target + <usize>r * <usize>D * 4, 16)
  }
}

/** Up to 4 rows become columns: D vectors, `step` bytes apart. */
function transpose(source: usize, stride: usize, n: i32, D: i32, factor: f32, target: usize, step: usize): void {
  const factors = f32x4.splat(factor)
  const whole = n < 4 ? 0 : D & ~3
  const s1 = source + stride
  const s2 = s1 + stride
  const s3 = s2 + stride
  for (let d: usize = 0; d < <usize>whole * 4; d += 16) {
    const r0 = f32x4.mul(factors, v128.load(source + d))
    const r1 = f32x4.mul(factors, v128.load(s1 + d))
    const r2 = f32x4.mul(factors, v128.load(s2 + d))
    const r3 = f32x4.mul(factors, v128.load(s3 + d))
    const t0 = i8x16.shuffle(r0, r1, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23)
    const t1 = i8x16.shuffle(r2, r3, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23)
    const t2 = i8x16.shuffle(r0, r1, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31)
    const t3 = i8x16.shuffle(r2, r3, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31)
    v128.store(target, i8x16.shuffle(t0, t1, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23))
    v128.store(target + step, i8x16.shuffle(t0, t1, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
    v128.store(target + 2 * step, i8x16.shuffle(t2, t3, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23))
    v128.store(target + 3 * step, i8x16.shuffle(t2, t3, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
    target += 4 * step
  }
  for (let d = whole; d < D; d++) {
    for (let r: i32 = 0; r < 4; r++) {
      store<f32>(target + <usize>r * 4, r < n ? factor * load<f32>(source + <usize>r * stride + <usize>d * 4) : 0)
    }
    target += step
  }
}

/** Bytes from one quad of `packColumns` to the next. */
export const COLUMN_QUAD: usize = 64 * 16

/** Columns become quads, `[D/4][BLOCK][4]`, times `factor`; columns from D on are 0. Returns whether every number is finite (or false without need, near
 * the largest float32). */
export function packColumns(source: usize, stride: usize, n: i32, D: i32, factor: f32, target: usize): bool {
  const factors = f32x4.splat(factor)
  const zero = f32x4.splat(0)
  const whole = <usize>(D & ~3) * 4
  let check = zero // 0, or NaN once a number is not finite
  let r: i32 = 0
  for (; r + 4 <= n; r += 4) {
    const s1 = source + stride
    const s2 = s1 + stride
    const s3 = s2 + stride
    let to = target + <usize>r * 16
    for (let d: usize = 0; d < whole; d += 16) {
      const r0 = v128.load(source + d)
      const r1 = v128.load(s1 + d)
      const r2 = v128.load(s2 + d)
      const r3 = v128.load(s3 + d)
      check = fma(zero, f32x4.add(f32x4.add(r0, r1), f32x4.add(r2, r3)), check)
      v128.store(to, f32x4.mul(factors, r0))
      v128.store(to, f32x4.mul(factors, r1), 16)
      v128.store(to, f32x4.mul(factors, r2), 32)
      v128.store(to, f32x4.mul(factors, r3), 48)
      to += COLUMN_QUAD
    }
    source = s3 + stride
  }
  const rest = source - <usize>r * stride
  const quads = (D + 3) >> 2
  for (let row = whole < <usize>(D * 4) ? 0 : r; row < ((n + 3) & ~3); row++) {
    for (let quad = row < r ? quads - 1 : 0; quad < quads; quad++) {
      const x = row < n ? loadLanes(rest + <usize>row * stride + <usize>quad * 16, D - 4 * quad) : zero
      check = fma(zero, x, check)
      v128.store(target + <usize>quad * COLUMN_QUAD + <usize>row * 16, f32x4.mul(factors, x))
    }
  }
  return v128.any_true(f32x4.ne(check, check)) == 0
}

/** The first `n` numbers of a vector; nothing is read behind them. */
function loadLanes(source: usize, n: i32): v128 {
  if (n >= 4) return v128.load(source)
  const x = v128.load32_zero(source)
  if (n == 1) return x
  const y = f32x4.replace_lane(x, 1, load<f32>(source, 4))
  return n == 2 ? y : f32x4.replace_lane(y, 2, load<f32>(source, 8))
}

/** The first 8 or fewer columns of a panel `[D][8]` become rows, each times its factor of `factors`; `add`: on top of what is there. */
export function unpackPanel(panel: usize, n: i32, D: i32, factors: usize, target: usize, stride: usize, add: bool): void {
  for (let half: i32 = 0; half < n; half += 4) {
    const f = v128.load(factors + <usize>half * 4)
    const rows = min(4, n - half)
    for (let d: i32 = 0; d < D; d += 4) {
      const from = panel + <usize>d * 32 + <usize>half * 4
      const r0 = f32x4.mul(f, v128.load(from))
      const r1 = f32x4.mul(f, v128.load(from, 32))
      const r2 = f32x4.mul(f, v128.load(from, 64))
      const r3 = f32x4.mul(f, v128.load(from, 96))
      const t0 = i8x16.shuffle(r0, r1, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23)
      const t1 = i8x16.shuffle(r2, r3, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23)
      const t2 = i8x16.shuffle(r0, r1, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31)
      const t3 = i8x16.shuffle(r2, r3, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31)
      const to = target + <usize>d * 4
      const left = D - d
      storeLanes(i8x16.shuffle(t0, t1, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), to, left, add)
      if (rows > 1) storeLanes(i8x16.shuffle(t0, t1, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), to + stride, left, add)
      if (rows > 2) storeLanes(i8x16.shuffle(t2, t3, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), to + 2 * stride, left, add)
      if (rows > 3) storeLanes(i8x16.shuffle(t2, t3, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), to + 3 * stride, left, add)
    }
    target += 4 * stride
  }
}

@inline
function storeLanes(x: v128, target: usize, n: i32, add: bool): void {
  if (n >= 4) v128.store(target, add ? f32x4.add(x, v128.load(target)) : x)
  else storeSome(x, target, n, add)
}

function storeSome(x: v128, target: usize, n: i32, add: bool): void {
  if (add) x = f32x4.add(x, loadLanes(target, n))
  v128.store_lane<f32>(target, x, 0)
  if (n > 1) v128.store_lane<f32>(target, x, 1, 4)
  if (n > 2) v128.store_lane<f32>(target, x, 2, 8)
}
