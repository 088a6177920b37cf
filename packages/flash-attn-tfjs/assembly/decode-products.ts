import { Problem, SPLIT } from './problem'
import { fma } from './simd'

// Both go through some keys at a time and, for these, through the heads: nearly in the order of memory. The loops take two query rows,
// an odd last one twice. What is called from one place only is inlined there, and then V8 has too few registers.

/** Keys that are weighted before the next head's turn. */
const STEP: i32 = 16

/** Keys and values that are fetched at once, ahead of their use. */
const AHEAD: i32 = 64

/**
 * Reads one word of each line of keys and values, in four streams: this way memory is busy all the time, which a processor that
 * multiplies in between does not manage by itself. Returns something that depends on all, so that no compiler leaves it out.
 */
function lookAhead(keys: usize, values: usize, bytes: usize): i32 {
  const half = (bytes >> 1) & ~63
  let seen: i32 = 0
  for (const end = keys + half; keys < end; keys += 64) {
    seen |= load<i32>(keys) | load<i32>(keys + half) | load<i32>(values) | load<i32>(values + half)
    values += 64
  }
  return seen
}

/** scores[row][j] = query row · key k0 + j, for `n` keys; rows `[H, T]`, SPLIT scores each, and 4 numbers of no meaning behind all. */
export function dotRows(p: Problem, b: i32, k0: i32, n: i32, queries: usize, scores: usize): void {
  const rows = p.H / p.K * p.T // of a key head
  const rowBytes = <usize>p.D * 4
  let seen: i32 = 0
  for (let j: i32 = 0; j < n; j += 4) {
    if (j % AHEAD == 0) {
      const keys = p.keyOffset(b, 0, k0 + j)
      seen |= lookAhead(p.key + keys, p.value + keys, <usize>min(AHEAD, n - j) * p.keyStride)
    }
    for (let k: i32 = 0; k < p.K; k++) {
      for (let r: i32 = 0; r < rows; r += 2) {
        const row = k * rows + r
        const next = min(r + 1, rows - 1) - r
        const query = queries + <usize>row * rowBytes
        const query1 = query + <usize>next * rowBytes
        const to = scores + <usize>(row * SPLIT + j) * 4
        const to1 = to + <usize>(next * SPLIT) * 4
        const key = p.key + p.keyOffset(b, k, k0 + j)
        if (j + 4 <= n) dotFour(query, query1, key, p.keyStride, p.D, to, to1)
        else for (let i: i32 = 0; j + i < n; i++) dotFour(query, query1, key + <usize>i * p.keyStride, 0, p.D, to + <usize>i * 4, to1 + <usize>i * 4)
      }
    }
  }
  store<i32>(scores + <usize>(p.H * p.T * SPLIT) * 4, seen)
}

/** Two rows times four keys. */
function dotFour(q0: usize, q1: usize, s0: usize, stride: usize, D: i32, to0: usize, to1: usize): void {
  let a0 = f32x4.splat(0)
  let a1 = a0
  let a2 = a0
  let a3 = a0
  let b0 = a0
  let b1 = a0
  let b2 = a0
  let b3 = a0
  let s1 = s0 + stride
  let s2 = s1 + stride
  let s3 = s2 + stride
  for (const end = s0 + <usize>(D & ~3) * 4; s0 < end; s0 += 16) {
    const x = v128.load(q0)
    const y = v128.load(q1)
    let k = v128.load(s0)
    a0 = fma(x, k, a0)
    b0 = fma(y, k, b0)
    k = v128.load(s1)
    a1 = fma(x, k, a1)
    b1 = fma(y, k, b1)
    k = v128.load(s2)
    a2 = fma(x, k, a2)
    b2 = fma(y, k, b2)
    k = v128.load(s3)
    a3 = fma(x, k, a3)
    b3 = fma(y, k, b3)
    q0 += 16
    q1 += 16
    s1 += 16
    s2 += 16
    s3 += 16
  }
  let a = sumsOf(a0, a1, a2, a3)
  let b = sumsOf(b0, b1, b2, b3)
  for (let d: usize = 0; d < <usize>(D & 3) * 4; d += 4) {
    const k = f32x4(load<f32>(s0 + d), load<f32>(s1 + d), load<f32>(s2 + d), load<f32>(s3 + d))
    a = fma(v128.load32_splat(q0 + d), k, a)
    b = fma(v128.load32_splat(q1 + d), k, b)
  }
  v128.store(to0, a)
  v128.store(to1, b)
}

/** The sums of the lanes of four vectors. */
@inline
function sumsOf(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(
    i8x16.shuffle(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
    i8x16.shuffle(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31),
  )
  const cd = f32x4.add(
    i8x16.shuffle(c, d, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
    i8x16.shuffle(c, d, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31),
  )
  return f32x4.add(
    i8x16.shuffle(ab, cd, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27),
    i8x16.shuffle(ab, cd, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31),
  )
}

/** out[row] += Σ_j scores[row][j] · value k0 + j. */
export function addWeightedRows(p: Problem, b: i32, k0: i32, n: i32, scores: usize, out: usize): void {
  const rows = p.H / p.K * p.T
  const rowBytes = <usize>p.D * 4
  const weightBytes = <usize>SPLIT * 4
  for (let j: i32 = 0; j < n; j += STEP) {
    const count = min(STEP, n - j)
    for (let k: i32 = 0; k < p.K; k++) {
      const value = p.value + p.keyOffset(b, k, k0 + j)
      for (let r: i32 = 0; r < rows; r += 2) {
        const row = k * rows + r
        const weights = scores + <usize>(row * SPLIT + j) * 4
        const to = out + <usize>row * rowBytes
        if (r + 1 < rows) addTwo(weights, weights + weightBytes, value, p.keyStride, count, p.D, to, to + rowBytes)
        else addTwo(weights, weights, value, p.keyStride, count, p.D, to, to)
      }
    }
  }
}

/** Adds `count` values to two rows, each value times the rows' weights. */
function addTwo(w0: usize, w1: usize, value: usize, stride: usize, count: i32, D: i32, to0: usize, to1: usize): void {
  const end = w0 + <usize>count * 4
  const other = w1 - w0
  let d: i32 = 0
  for (; d + 16 <= D; d += 16) {
    let a0 = v128.load(to0)
    let a1 = v128.load(to0, 16)
    let a2 = v128.load(to0, 32)
    let a3 = v128.load(to0, 48)
    let b0 = v128.load(to1)
    let b1 = v128.load(to1, 16)
    let b2 = v128.load(to1, 32)
    let b3 = v128.load(to1, 48)
    let v = value
    let w = w0
    do {
      const x = v128.load32_splat(w)
      const y = v128.load32_splat(w + other)
      let k = v128.load(v)
      a0 = fma(x, k, a0)
      b0 = fma(y, k, b0)
      k = v128.load(v, 16)
      a1 = fma(x, k, a1)
      b1 = fma(y, k, b1)
      k = v128.load(v, 32)
      a2 = fma(x, k, a2)
      b2 = fma(y, k, b2)
      k = v128.load(v, 48)
      a3 = fma(x, k, a3)
      b3 = fma(y, k, b3)
      v += stride
      w += 4
    } while (w < end)
    v128.store(to0, a0)
    v128.store(to0, a1, 16)
    v128.store(to0, a2, 32)
    v128.store(to0, a3, 48)
    v128.store(to1, b0)
    v128.store(to1, b1, 16)
    v128.store(to1, b2, 32)
    v128.store(to1, b3, 48)
    to0 += 64
    to1 += 64
    value += 64
  }
  for (; d < D; d++) {
    let a = load<f32>(to0)
    let b = load<f32>(to1)
    let v = value
    for (let w = w0; w < end; w += 4) {
      a += load<f32>(w) * load<f32>(v)
      b += load<f32>(w + other) * load<f32>(v)
      v += stride
    }
    store<f32>(to0, a)
    store<f32>(to1, b)
    to0 += 4
    to1 += 4
    value += 4
  }
}
