import { Problem, SPLIT } from './problem'
import { fma, sumLanes } from './simd'

// Both go through keys and values strictly in the order of memory: that is what a processor fetches ahead by itself. Where at least two
// query rows share a key, the two halves of the keys are gone through at once, so that a row is loaded half as often.

/** scores[row][j] = query row · key k0 + j, for `n` keys; rows `[H, T]`, SPLIT scores each. */
export function dotRows(p: Problem, b: i32, k0: i32, n: i32, queries: usize, scores: usize): void {
  const rows = p.H / p.K * p.T // of a key head
  const rowBytes = <usize>p.D * 4
  const half = halfOf(rows, n)
  const toOther = <usize>half * 4
  const keyToOther = <usize>half * p.keyStride
  for (let j: i32 = 0; j < n; j++) {
    const isPair = j < half
    if (j == half) j += half // done as the others of the pairs
    if (j == n) return
    let key = p.key + p.keyOffset(b, 0, k0 + j)
    let query = queries
    let to = scores + <usize>j * 4
    for (let k: i32 = 0; k < p.K; k++) {
      let r: i32 = 0
      for (; isPair && r + 4 <= rows; r += 4) {
        dotFour(query, rowBytes, key, keyToOther, p.D, to, toOther)
        query += 4 * rowBytes
        to += <usize>SPLIT * 16
      }
      if (isPair && r + 2 <= rows) {
        if (r + 3 <= rows) dotThree(query, rowBytes, key, keyToOther, p.D, to, toOther)
        else dotTwo(query, rowBytes, key, keyToOther, p.D, to, toOther)
        const done = min(3, rows - r)
        r += done
        query += <usize>done * rowBytes
        to += <usize>(done * SPLIT) * 4
      }
      for (; r < rows; r++) {
        dotOne(query, key, p.D, to)
        if (isPair) dotOne(query, key + keyToOther, p.D, to + toOther)
        query += rowBytes
        to += <usize>SPLIT * 4
      }
      key += rowBytes
    }
  }
}

/** Pairs of keys, (j, half + j). */
@inline
function halfOf(rows: i32, n: i32): i32 {
  return rows >= 2 ? n >> 1 : 0
}

/** A row times a key. */
function dotOne(query: usize, key: usize, D: i32, to: usize): void {
  let a0 = f32x4.splat(0)
  let a1 = a0
  let a2 = a0
  let a3 = a0
  for (; D >= 16; D -= 16) {
    a0 = fma(v128.load(query), v128.load(key), a0)
    a1 = fma(v128.load(query, 16), v128.load(key, 16), a1)
    a2 = fma(v128.load(query, 32), v128.load(key, 32), a2)
    a3 = fma(v128.load(query, 48), v128.load(key, 48), a3)
    query += 64
    key += 64
  }
  let sum = sumLanes(f32x4.add(f32x4.add(a0, a1), f32x4.add(a2, a3)))
  for (; D > 0; D--) {
    sum += load<f32>(query) * load<f32>(key)
    query += 4
    key += 4
  }
  store<f32>(to, sum)
}

/** Four rows times two keys. */
function dotFour(query: usize, rowBytes: usize, key: usize, stride: usize, D: i32, to: usize, toOther: usize): void {
  dotRowsOf(4, query, rowBytes, key, stride, D, to, toOther)
}

function dotThree(query: usize, rowBytes: usize, key: usize, stride: usize, D: i32, to: usize, toOther: usize): void {
  dotRowsOf(3, query, rowBytes, key, stride, D, to, toOther)
}

function dotTwo(query: usize, rowBytes: usize, key: usize, stride: usize, D: i32, to: usize, toOther: usize): void {
  dotRowsOf(2, query, rowBytes, key, stride, D, to, toOther)
}

/** Two to four rows, a constant, times two keys. */
@inline
function dotRowsOf(rows: i32, q0: usize, rowBytes: usize, s0: usize, stride: usize, D: i32, to: usize, toOther: usize): void {
  let a0 = f32x4.splat(0)
  let a1 = a0
  let a2 = a0
  let a3 = a0
  let b0 = a0
  let b1 = a0
  let b2 = a0
  let b3 = a0
  let s1 = s0 + stride
  let q1 = q0 + rowBytes
  let q2 = rows > 2 ? q1 + rowBytes : q1
  let q3 = rows > 3 ? q2 + rowBytes : q2
  for (const end = s0 + <usize>(D & ~3) * 4; s0 < end; s0 += 16) {
    const k = v128.load(s0)
    const l = v128.load(s1)
    let q = v128.load(q0)
    a0 = fma(q, k, a0)
    b0 = fma(q, l, b0)
    q = v128.load(q1)
    a1 = fma(q, k, a1)
    b1 = fma(q, l, b1)
    if (rows > 2) {
      q = v128.load(q2)
      a2 = fma(q, k, a2)
      b2 = fma(q, l, b2)
      q2 += 16
    }
    if (rows > 3) {
      q = v128.load(q3)
      a3 = fma(q, k, a3)
      b3 = fma(q, l, b3)
      q3 += 16
    }
    s1 += 16
    q0 += 16
    q1 += 16
  }
  let a = sumsOf(a0, a1, a2, a3)
  let b = sumsOf(b0, b1, b2, b3)
  for (let d: usize = 0; d < <usize>(D & 3) * 4; d += 4) {
    const q = f32x4(load<f32>(q0 + d), load<f32>(q1 + d), load<f32>(q2 + d), load<f32>(q3 + d))
    a = fma(v128.load32_splat(s0 + d), q, a)
    b = fma(v128.load32_splat(s1 + d), q, b)
  }
  storeColumn(rows, to, a)
  storeColumn(rows, to + toOther, b)
}

@inline
function storeColumn(rows: i32, to: usize, x: v128): void {
  v128.store_lane<f32>(to, x, 0)
  v128.store_lane<f32>(to, x, 1, <usize>SPLIT * 4)
  if (rows > 2) v128.store_lane<f32>(to, x, 2, <usize>SPLIT * 8)
  if (rows > 3) v128.store_lane<f32>(to, x, 3, <usize>SPLIT * 12)
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
  const half = halfOf(rows, n)
  const toOther = <usize>half * 4
  const valueToOther = <usize>half * p.keyStride
  for (let j: i32 = 0; j < n; j++) {
    const isPair = j < half
    if (j == half) j += half
    if (j == n) return
    let value = p.value + p.keyOffset(b, 0, k0 + j)
    let to = out
    let weights = scores + <usize>j * 4
    for (let k: i32 = 0; k < p.K; k++) {
      let r: i32 = 0
      for (; isPair && r + 4 <= rows; r += 4) {
        addToFour(weights, toOther, value, valueToOther, p.D, to, rowBytes)
        to += 4 * rowBytes
        weights += <usize>SPLIT * 16
      }
      if (isPair && r + 2 <= rows) {
        if (r + 3 <= rows) addToThree(weights, toOther, value, valueToOther, p.D, to, rowBytes)
        else addToTwo(weights, toOther, value, valueToOther, p.D, to, rowBytes)
        const done = min(3, rows - r)
        r += done
        to += <usize>done * rowBytes
        weights += <usize>(done * SPLIT) * 4
      }
      for (; r < rows; r++) {
        addToOne(weights, value, p.D, to)
        if (isPair) addToOne(weights + toOther, value + valueToOther, p.D, to)
        to += rowBytes
        weights += <usize>SPLIT * 4
      }
      value += rowBytes
    }
  }
}

/** Adds a value, times its weight, to a row. */
function addToOne(weight: usize, value: usize, D: i32, to: usize): void {
  const x = v128.load32_splat(weight)
  const end = value + <usize>D * 4
  for (const whole = value + <usize>(D & ~3) * 4; value < whole; value += 16) {
    v128.store(to, fma(x, v128.load(value), v128.load(to)))
    to += 16
  }
  for (; value < end; value += 4) {
    store<f32>(to, load<f32>(to) + load<f32>(weight) * load<f32>(value))
    to += 4
  }
}

/** Adds two values, times their weights, to four rows. */
function addToFour(weights: usize, toOther: usize, value: usize, stride: usize, D: i32, to: usize, rowBytes: usize): void {
  addToRows(4, weights, toOther, value, stride, D, to, rowBytes)
}

function addToThree(weights: usize, toOther: usize, value: usize, stride: usize, D: i32, to: usize, rowBytes: usize): void {
  addToRows(3, weights, toOther, value, stride, D, to, rowBytes)
}

function addToTwo(weights: usize, toOther: usize, value: usize, stride: usize, D: i32, to: usize, rowBytes: usize): void {
  addToRows(2, weights, toOther, value, stride, D, to, rowBytes)
}

/** To two to four rows, a constant. */
@inline
function addToRows(rows: i32, weights: usize, toOther: usize, value: usize, stride: usize, D: i32, to0: usize, rowBytes: usize): void {
  const w1 = weights + <usize>SPLIT * 4
  const w2 = rows > 2 ? w1 + <usize>SPLIT * 4 : w1
  const w3 = rows > 3 ? w2 + <usize>SPLIT * 4 : w2
  const x0 = v128.load32_splat(weights)
  const y0 = v128.load32_splat(weights + toOther)
  const x1 = v128.load32_splat(w1)
  const y1 = v128.load32_splat(w1 + toOther)
  const x2 = v128.load32_splat(w2)
  const y2 = v128.load32_splat(w2 + toOther)
  const x3 = v128.load32_splat(w3)
  const y3 = v128.load32_splat(w3 + toOther)
  let to1 = to0 + rowBytes
  let to2 = to1 + rowBytes
  let to3 = to2 + rowBytes
  for (const end = value + <usize>(D & ~3) * 4; value < end; value += 16) {
    const v = v128.load(value)
    const u = v128.load(value + stride)
    v128.store(to0, fma(y0, u, fma(x0, v, v128.load(to0))))
    v128.store(to1, fma(y1, u, fma(x1, v, v128.load(to1))))
    if (rows > 2) {
      v128.store(to2, fma(y2, u, fma(x2, v, v128.load(to2))))
      to2 += 16
    }
    if (rows > 3) {
      v128.store(to3, fma(y3, u, fma(x3, v, v128.load(to3))))
      to3 += 16
    }
    to0 += 16
    to1 += 16
  }
  for (let d: usize = 0; d < <usize>(D & 3) * 4; d += 4) {
    const v = load<f32>(value + d)
    const u = load<f32>(value + stride + d)
    addBoth(to0 + d, weights, toOther, v, u)
    addBoth(to1 + d, w1, toOther, v, u)
    if (rows > 2) addBoth(to2 + d, w2, toOther, v, u)
    if (rows > 3) addBoth(to3 + d, w3, toOther, v, u)
  }
}

@inline
function addBoth(to: usize, weights: usize, toOther: usize, v: f32, u: f32): void {
  store<f32>(to, load<f32>(to) + load<f32>(weights) * v + load<f32>(weights + toOther) * u)
}
