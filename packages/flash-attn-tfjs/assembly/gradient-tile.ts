import { exp } from './simd'

/**
 * Rows of a panel of scores become weights `P = exp(score − lse)`, and those of `dScores`, which hold dP, become `P · (dP − δ)`. `lse` and
 * `delta` are those of the first row.
 */
export function weighPanel(weights: usize, dScores: usize, rows: i32, lse: usize, delta: usize, table: usize): void {
  const k0 = v128.load(table, 0)
  const k1 = v128.load(table, 16)
  const k2 = v128.load(table, 32)
  const k3 = v128.load(table, 48)
  const k4 = v128.load(table, 64)
  const k5 = v128.load(table, 80)
  const k6 = v128.load(table, 96)
  const k7 = v128.load(table, 112)
  const k8 = v128.load(table, 128)
  const end = weights + <usize>rows * 32
  do {
    let e = exp(f32x4.sub(v128.load(weights), v128.load32_splat(lse)), k0, k1, k2, k3, k4, k5, k6, k7, k8)
    v128.store(weights, e)
    v128.store(dScores, f32x4.mul(e, f32x4.sub(v128.load(dScores), v128.load32_splat(delta))))
    e = exp(f32x4.sub(v128.load(weights, 16), v128.load32_splat(lse)), k0, k1, k2, k3, k4, k5, k6, k7, k8)
    v128.store(weights, e, 16)
    v128.store(dScores, f32x4.mul(e, f32x4.sub(v128.load(dScores, 16), v128.load32_splat(delta))), 16)
    weights += 32
    dScores += 32
    lse += 4
    delta += 4
  } while (weights < end)
}

/** Writes `1 − (score / cap)²`, the slope of cap · tanh at capped scores. */
export function writeSlopes(scores: usize, rows: i32, cap: f32, slopes: usize): void {
  const caps = f32x4.splat(cap)
  const one = f32x4.splat(1)
  for (let at: usize = 0; at < <usize>rows * 32; at += 16) {
    const ratio = f32x4.div(v128.load(scores + at), caps)
    v128.store(slopes + at, f32x4.sub(one, f32x4.mul(ratio, ratio)))
  }
}

export function multiplyRows(panel: usize, factors: usize, rows: i32): void {
  for (let at: usize = 0; at < <usize>rows * 32; at += 16) {
    v128.store(panel + at, f32x4.mul(v128.load(panel + at), v128.load(factors + at)))
  }
}

/**
 * Rows `[from, to)` of a panel `[BLOCK queries][8 keys]` become columns of panels `[BLOCK/8][BLOCK keys][8 queries]`, at the rows of its 8
 * keys. `from` and `to` are multiples of 4.
 */
export function transposePanel(panel: usize, from: i32, to: i32, target: usize): void {
  for (let r = from; r < to; r += 4) {
    const source = panel + <usize>r * 32
    const at = target + <usize>(r >> 3) * 2048 + <usize>(r & 4) * 4
    transposeQuad(source, at)
    transposeQuad(source + 16, at + 128)
  }
}

@inline
function transposeQuad(source: usize, target: usize): void {
  const r0 = v128.load(source)
  const r1 = v128.load(source, 32)
  const r2 = v128.load(source, 64)
  const r3 = v128.load(source, 96)
  const t0 = i8x16.shuffle(r0, r1, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23)
  const t1 = i8x16.shuffle(r2, r3, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23)
  const t2 = i8x16.shuffle(r0, r1, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31)
  const t3 = i8x16.shuffle(r2, r3, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31)
  v128.store(target, i8x16.shuffle(t0, t1, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23))
  v128.store(target, i8x16.shuffle(t0, t1, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), 32)
  v128.store(target, i8x16.shuffle(t2, t3, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), 64)
  v128.store(target, i8x16.shuffle(t2, t3, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), 96)
}
