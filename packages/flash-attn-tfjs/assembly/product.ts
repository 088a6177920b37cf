import { fma } from './simd'

/**
 * C (+)= A · B. A: M rows of K numbers, `aStride` bytes apart. B: panels of 8 columns, `[N/8][K][8]`. C: M rows of N.
 * M is a multiple of 4, N of 8. `add` = 0 overwrites C.
 */
export function multiply(a: usize, aStride: usize, b: usize, c: usize, cStride: usize, M: i32, N: i32, K: i32, add: i32): void {
  const panel = <usize>K * 32
  for (let j: i32 = 0; j < N; j += 8) {
    let row = a
    let pc = c + <usize>j * 4
    for (let i: i32 = 0; i < M; i += 4) {
      const p1 = pc + cStride
      const p2 = p1 + cStride
      const p3 = p2 + cStride
      let c00: v128, c01: v128, c10: v128, c11: v128, c20: v128, c21: v128, c30: v128, c31: v128
      if (add) {
        c00 = v128.load(pc)
        c01 = v128.load(pc, 16)
        c10 = v128.load(p1)
        c11 = v128.load(p1, 16)
        c20 = v128.load(p2)
        c21 = v128.load(p2, 16)
        c30 = v128.load(p3)
        c31 = v128.load(p3, 16)
      } else {
        c00 = c01 = c10 = c11 = c20 = c21 = c30 = c31 = f32x4.splat(0)
      }
      let a0 = row
      let a1 = a0 + aStride
      let a2 = a1 + aStride
      let a3 = a2 + aStride
      let pb = b
      let k = K
      do {
        const b0 = v128.load(pb)
        const b1 = v128.load(pb, 16)
        let x = v128.load32_splat(a0)
        c00 = fma(x, b0, c00)
        c01 = fma(x, b1, c01)
        x = v128.load32_splat(a1)
        c10 = fma(x, b0, c10)
        c11 = fma(x, b1, c11)
        x = v128.load32_splat(a2)
        c20 = fma(x, b0, c20)
        c21 = fma(x, b1, c21)
        x = v128.load32_splat(a3)
        c30 = fma(x, b0, c30)
        c31 = fma(x, b1, c31)
        a0 += 4
        a1 += 4
        a2 += 4
        a3 += 4
        pb += 32
      } while (--k)
      v128.store(pc, c00)
      v128.store(pc, c01, 16)
      v128.store(p1, c10)
      v128.store(p1, c11, 16)
      v128.store(p2, c20)
      v128.store(p2, c21, 16)
      v128.store(p3, c30)
      v128.store(p3, c31, 16)
      row += aStride * 4
      pc += cStride * 4
    }
    b += panel
  }
}

/**
 * C += Aᵀ · B. A: K rows of M numbers. B: panels of 8 columns, `panelBytes` apart, of which the first K rows are used.
 * C: M rows of N. M is a multiple of 4, N of 8.
 */
export function multiplyTransposed(
  a: usize, aStride: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, M: i32, N: i32, K: i32,
): void {
  for (let j: i32 = 0; j < N; j += 8) {
    let pc = c + <usize>j * 4
    for (let i: i32 = 0; i < M; i += 4) {
      const p1 = pc + cStride
      const p2 = p1 + cStride
      const p3 = p2 + cStride
      let c00 = v128.load(pc)
      let c01 = v128.load(pc, 16)
      let c10 = v128.load(p1)
      let c11 = v128.load(p1, 16)
      let c20 = v128.load(p2)
      let c21 = v128.load(p2, 16)
      let c30 = v128.load(p3)
      let c31 = v128.load(p3, 16)
      let pa = a + <usize>i * 4
      let pb = b
      let k = K
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
        pa += aStride
        pb += 32
      } while (--k)
      v128.store(pc, c00)
      v128.store(pc, c01, 16)
      v128.store(p1, c10)
      v128.store(p1, c11, 16)
      v128.store(p2, c20)
      v128.store(p2, c21, 16)
      v128.store(p3, c30)
      v128.store(p3, c31, 16)
      pc += cStride * 4
    }
    b += panelBytes
  }
}
