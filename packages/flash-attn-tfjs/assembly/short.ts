import { TILE_ROW } from './problem'
import { fma, sumLanes } from './simd'

// Products for a few query rows (generation): keys and values are read once, in place, where packing them would cost more than
// the products themselves.

/** tile[r][j] = q_r · k_j for `rows` dense query rows and `numK` key rows. */
export function dotRows(q: usize, rows: i32, k: usize, kStride: usize, numK: i32, D: i32, tile: usize): void {
  const rowBytes = <usize>D * 4
  for (let j: i32 = 0; j < numK; j++) {
    for (let r: i32 = 0; r < rows; r++) {
      const row = q + <usize>r * rowBytes
      let s0 = f32x4.splat(0)
      let s1 = f32x4.splat(0)
      for (let d: usize = 0; d < rowBytes; d += 32) {
        s0 = fma(v128.load(row + d), v128.load(k + d), s0)
        s1 = fma(v128.load(row + d, 16), v128.load(k + d, 16), s1)
      }
      store<f32>(tile + <usize>r * TILE_ROW + <usize>j * 4, sumLanes(f32x4.add(s0, s1)))
    }
    k += kStride
  }
}

/** out_r += Σ_j tile[r][j] · v_j. */
export function addWeightedRows(tile: usize, rows: i32, v: usize, vStride: usize, numK: i32, D: i32, out: usize): void {
  for (let r: i32 = 0; r < rows; r++) {
    for (let d: i32 = 0; d < D; d += 8) {
      let weight = tile
      let from = v + <usize>d * 4
      let o0 = v128.load(out)
      let o1 = v128.load(out, 16)
      for (let j: i32 = 0; j < numK; j++) {
        const w = v128.load32_splat(weight)
        o0 = fma(w, v128.load(from), o0)
        o1 = fma(w, v128.load(from, 16), o1)
        weight += 4
        from += vStride
      }
      v128.store(out, o0)
      v128.store(out, o1, 16)
      out += 32
    }
    tile += TILE_ROW
  }
}
