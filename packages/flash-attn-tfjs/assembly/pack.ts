import { BLOCK } from './problem'

/** Columns of the transpose: `n` rows of D numbers become panels `[BLOCK/8][D][8]`; rows from `n` on are 0. */
export function packTransposed(source: usize, stride: usize, n: i32, D: i32, target: usize): void {
  const zero = f32x4.splat(0)
  for (let r: i32 = 0; r < BLOCK; r += 4) {
    const panel = target + <usize>(r >> 3) * <usize>D * 32 + <usize>(r & 4) * 4
    const s0 = source + <usize>r * stride
    const s1 = s0 + stride
    const s2 = s1 + stride
    const s3 = s2 + stride
    for (let d: i32 = 0; d < D; d += 4) {
      const at = <usize>d * 4
      const r0 = r < n ? v128.load(s0 + at) : zero
      const r1 = r + 1 < n ? v128.load(s1 + at) : zero
      const r2 = r + 2 < n ? v128.load(s2 + at) : zero
      const r3 = r + 3 < n ? v128.load(s3 + at) : zero
      const t0 = i8x16.shuffle(r0, r1, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23)
      const t1 = i8x16.shuffle(r2, r3, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23)
      const t2 = i8x16.shuffle(r0, r1, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31)
      const t3 = i8x16.shuffle(r2, r3, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31)
      const to = panel + <usize>d * 32
      v128.store(to, i8x16.shuffle(t0, t1, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23))
      v128.store(to, i8x16.shuffle(t0, t1, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), 32)
      v128.store(to, i8x16.shuffle(t2, t3, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), 64)
      v128.store(to, i8x16.shuffle(t2, t3, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), 96)
    }
  }
}

/** Bytes of a panel of `packColumns`. */
export const PANEL: usize = 64 * 32

/** Columns: `n` rows of D numbers become panels `[D/8][BLOCK][8]`; rows from `n` on are 0. */
export function packColumns(source: usize, stride: usize, n: i32, D: i32, target: usize): void {
  const zero = f32x4.splat(0)
  for (let r: i32 = 0; r < BLOCK; r++) {
    let to = target + <usize>r * 32
    let from = source + <usize>r * stride
    for (let d: i32 = 0; d < D; d += 8) {
      v128.store(to, r < n ? v128.load(from) : zero)
      v128.store(to, r < n ? v128.load(from, 16) : zero, 16)
      from += 32
      to += PANEL
    }
  }
}

/** `n` rows, `stride` bytes apart, to dense rows of D numbers; rows from `n` to `padded` are 0. */
export function copyRows(source: usize, stride: usize, n: i32, padded: i32, D: i32, target: usize): void {
  const rowBytes = <usize>D * 4
  for (let r: i32 = 0; r < n; r++) memory.copy(target + <usize>r * rowBytes, source + <usize>r * stride, rowBytes)
  memory.fill(target + <usize>n * rowBytes, 0, <usize>(padded - n) * rowBytes)
}

/** Adds `n` dense rows of D numbers to rows `stride` bytes apart. */
export function addRows(source: usize, n: i32, D: i32, target: usize, stride: usize): void {
  for (let r: i32 = 0; r < n; r++) {
    let to = target + <usize>r * stride
    for (let d: i32 = 0; d < D; d += 8) {
      v128.store(to, f32x4.add(v128.load(to), v128.load(source)))
      v128.store(to, f32x4.add(v128.load(to, 16), v128.load(source, 16)), 16)
      source += 32
      to += 32
    }
  }
}

/** Dense rows to rows `stride` bytes apart. */
export function writeRows(source: usize, n: i32, D: i32, target: usize, stride: usize): void {
  const rowBytes = <usize>D * 4
  for (let r: i32 = 0; r < n; r++) memory.copy(target + <usize>r * stride, source + <usize>r * rowBytes, rowBytes)
}
