import { exp, fma } from './simd'

/**
 * Online softmax of a panel `[rows][8]`, one column after the other vector: scores become weights `exp(score − max)`, `max` and `sum` of
 * each of the 8 columns are brought up to date, and the output `[D][8]` gathered so far is rescaled where a maximum has grown.
 */
export function softmaxPanel(scores: usize, rows: i32, max: usize, sum: usize, out: usize, D: i32, table: usize): void {
  softmaxColumns(scores, scores + <usize>rows * 32, max, sum, out, D, table)
  softmaxColumns(scores + 16, scores + <usize>rows * 32, max + 16, sum + 16, out + 16, D, table)
}

function softmaxColumns(scores: usize, end: usize, max: usize, sum: usize, out: usize, D: i32, table: usize): void {
  const before = v128.load(max)
  let m0 = before
  let m1 = before
  for (let p = scores; p < end; p += 64) {
    m0 = f32x4.pmax(m0, v128.load(p))
    m1 = f32x4.pmax(m1, v128.load(p, 32))
  }
  m0 = f32x4.pmax(m0, m1)
  // −∞ so far: any shift leaves weights of 0
  const shift = v128.bitselect(f32x4.splat(0), m0, f32x4.eq(m0, f32x4.splat(-Infinity)))
  const k0 = v128.load(table, 0)
  const k1 = v128.load(table, 16)
  const k2 = v128.load(table, 32)
  const k3 = v128.load(table, 48)
  const k4 = v128.load(table, 64)
  const k5 = v128.load(table, 80)
  const k6 = v128.load(table, 96)
  const k7 = v128.load(table, 112)
  const k8 = v128.load(table, 128)
  let s = f32x4.splat(0)
  do {
    const e = exp(f32x4.sub(v128.load(scores), shift), k0, k1, k2, k3, k4, k5, k6, k7, k8)
    v128.store(scores, e)
    s = f32x4.add(s, e)
    scores += 32
  } while (scores < end)
  if (!v128.any_true(f32x4.ne(m0, before))) {
    v128.store(sum, f32x4.add(s, v128.load(sum)))
    return
  }
  const factor = exp(f32x4.sub(before, shift), k0, k1, k2, k3, k4, k5, k6, k7, k8)
  v128.store(sum, fma(factor, v128.load(sum), s))
  v128.store(max, m0)
  for (const outEnd = out + <usize>D * 32; out < outEnd; out += 32) v128.store(out, f32x4.mul(factor, v128.load(out)))
}

/** Scores from `scores` to `end` become `cap · tanh(score / cap)`: tanh as a rational function (Eigen's), error below 4e-7 of its value. */
export function capScores(scores: usize, end: usize, cap: f32): void {
  const factor = f32x4.splat(1 / cap)
  for (; scores < end; scores += 16) {
    const ratio = f32x4.mul(v128.load(scores), factor)
    const x = f32x4.pmax(f32x4.pmin(ratio, f32x4.splat(7.90531110763549805)), f32x4.splat(-7.90531110763549805))
    const z = f32x4.mul(x, x)
    let p = fma(z, f32x4.splat(-2.76076847742355e-16), f32x4.splat(2.00018790482477e-13))
    p = fma(z, p, f32x4.splat(-8.60467152213735e-11))
    p = fma(z, p, f32x4.splat(5.12229709037114e-8))
    p = fma(z, p, f32x4.splat(1.48572235717979e-5))
    p = fma(z, p, f32x4.splat(6.37261928875436e-4))
    p = fma(z, p, f32x4.splat(4.89352455891786e-3))
    let q = fma(z, f32x4.splat(1.19825839466702e-6), f32x4.splat(1.18534705686654e-4))
    q = fma(z, q, f32x4.splat(2.268434632439e-3))
    q = fma(z, q, f32x4.splat(4.89352518554385e-3))
    const tanh = f32x4.div(f32x4.mul(x, p), q)
    // exactly ±1 where float32 rounds to it: the slope is 0 there
    const isFlat = f32x4.ge(f32x4.abs(ratio), f32x4.splat(9.1))
    const sign = v128.and(ratio, f32x4.splat(-0.0))
    v128.store(scores, f32x4.mul(f32x4.splat(cap), v128.bitselect(v128.or(sign, f32x4.splat(1)), tanh, isFlat)))
  }
}
