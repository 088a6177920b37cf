import { fma } from './simd'

/**
 * C (+)= A · B, the product of everything here. C: a panel `[M][8]`; B: `[depth][8]`; A: quads of rows, `[M/4][depth][4]`, whose quads
 * lie `aQuad` bytes apart, so that `depth` may be a part of what was packed. M is a multiple of 4. `add` = 0 overwrites C.
 */
export function multiply(a: usize, aQuad: usize, b: usize, c: usize, M: i32, depth: i32, add: i32): void {
  const end = b + <usize>depth * 32
  const cEnd = c + <usize>M * 32
  for (; c < cEnd; c += 128) {
    let c00: v128, c01: v128, c10: v128, c11: v128, c20: v128, c21: v128, c30: v128, c31: v128
    if (add) {
      c00 = v128.load(c)
      c01 = v128.load(c, 16)
      c10 = v128.load(c, 32)
      c11 = v128.load(c, 48)
      c20 = v128.load(c, 64)
      c21 = v128.load(c, 80)
      c30 = v128.load(c, 96)
      c31 = v128.load(c, 112)
    } else {
      c00 = c01 = c10 = c11 = c20 = c21 = c30 = c31 = f32x4.splat(0)
    }
    let pa = a
    let pb = b
    do {
      const b0 = v128.load(pb)
      const b1 = v128.load(pb, 16)
      let x = v128.load32_splat(pa)
      c00 = fma(x, b0, c00)
      c01 = fma(x, b1, c01)
      x = v128.load32_splat(pa, 4)
      c10 = fma(x, b0, c10)
      c11 = fma(x, b1, c11)
      x = v128.load32_splat(pa, 8)
      c20 = fma(x, b0, c20)
      c21 = fma(x, b1, c21)
      x = v128.load32_splat(pa, 12)
      c30 = fma(x, b0, c30)
      c31 = fma(x, b1, c31)
      pa += 16
      pb += 32
    } while (pb < end)
    v128.store(c, c00)
    v128.store(c, c01, 16)
    v128.store(c, c10, 32)
    v128.store(c, c11, 48)
    v128.store(c, c20, 64)
    v128.store(c, c21, 80)
    v128.store(c, c30, 96)
    v128.store(c, c31, 112)
    a += aQuad
  }
}

/**
 * C += A · B over the pairs that `mask`, a panel like B, lets through: where A holds NaN or infinity, a weight of 0 would not keep it
 * out. Slow; only for such blocks.
 */
export function multiplyVisible(a: usize, aQuad: usize, b: usize, mask: usize, c: usize, M: i32, depth: i32): void {
  for (let i: i32 = 0; i < M; i++) {
    let c0 = v128.load(c)
    let c1 = v128.load(c, 16)
    let pa = a + <usize>(i >> 2) * aQuad + <usize>(i & 3) * 4
    for (let at: usize = 0; at < <usize>depth * 32; at += 32) {
      const x = v128.load32_splat(pa)
      c0 = v128.bitselect(fma(x, v128.load(b + at), c0), c0, v128.load(mask + at))
      c1 = v128.bitselect(fma(x, v128.load(b + at, 16), c1), c1, v128.load(mask + at, 16))
      pa += 16
    }
    v128.store(c, c0)
    v128.store(c, c1, 16)
    c += 32
  }
}
