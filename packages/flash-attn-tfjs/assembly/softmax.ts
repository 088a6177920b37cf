import { TILE_ROW } from './problem'
import { exp2, fma, maxLanes, sumLanes } from './simd'

/**
 * Online softmax of a tile: scores become weights `2^(c·(score − max))`, `max` and `sum` of each row are brought up to date, and
 * the output rows gathered so far are rescaled to the new maximum.
 */
export function softmaxTile(tile: usize, rows: i32, max: usize, sum: usize, out: usize, D: i32, c: f32, table: usize): void {
  const k0 = v128.load(table, 0)
  const k1 = v128.load(table, 16)
  const k2 = v128.load(table, 32)
  const k3 = v128.load(table, 48)
  const k4 = v128.load(table, 64)
  const k5 = v128.load(table, 80)
  const k6 = v128.load(table, 96)
  const k7 = v128.load(table, 112)
  const k8 = v128.load(table, 128)
  const cs = f32x4.splat(c)
  for (let r: i32 = 0; r < rows; r++) {
    const end = tile + TILE_ROW
    let m0 = v128.load(tile)
    let m1 = v128.load(tile, 16)
    for (let p = tile + 32; p < end; p += 32) {
      m0 = f32x4.pmax(m0, v128.load(p))
      m1 = f32x4.pmax(m1, v128.load(p, 16))
    }
    const before = load<f32>(max)
    let now = maxLanes(f32x4.pmax(m0, m1))
    now = now > before ? now : before
    const shift = f32x4.splat(-now * c)
    let s = f32x4.splat(0)
    do {
      const e = exp2(fma(v128.load(tile), cs, shift), k0, k1, k2, k3, k4, k5, k6, k7, k8)
      v128.store(tile, e)
      s = f32x4.add(s, e)
      tile += 16
    } while (tile < end)
    let total = sumLanes(s)
    if (now == before) {
      total += load<f32>(sum)
    } else {
      const factor = exp2(f32x4.splat((before - now) * c), k0, k1, k2, k3, k4, k5, k6, k7, k8)
      total += load<f32>(sum) * f32x4.extract_lane(factor, 0)
      store<f32>(max, now)
      for (let d: usize = 0; d < <usize>D * 4; d += 32) {
        v128.store(out + d, f32x4.mul(factor, v128.load(out + d)))
        v128.store(out + d, f32x4.mul(factor, v128.load(out + d, 16)), 16)
      }
    }
    store<f32>(sum, total)
    max += 4
    sum += 4
    out += <usize>D * 4
  }
}

/** Scores become `cap · tanh(score · factor)`: tanh as a rational function (Eigen's), error below 4e-7 of its value. */
export function capTile(tile: usize, rows: i32, factor: f32, cap: f32): void {
  const end = tile + <usize>rows * TILE_ROW
  for (; tile < end; tile += 16) {
    let x = f32x4.mul(v128.load(tile), f32x4.splat(factor))
    x = f32x4.pmax(f32x4.pmin(x, f32x4.splat(7.90531110763549805)), f32x4.splat(-7.90531110763549805))
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
    v128.store(tile, f32x4.mul(f32x4.splat(cap), f32x4.div(f32x4.mul(x, p), q)))
  }
}
