const LOG2E: f32 = 1.4426950408889634

/** a · b + c; one rounding where the build has relaxed SIMD and the machine has fused multiply-add. */
@inline
export function fma(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c)
  return f32x4.add(c, f32x4.mul(a, b))
}

/** Bytes of the constants of exp, up to a multiple of 64; loaded into locals before a loop. */
export const EXP_TABLE: usize = 192

export function writeExpTable(table: usize): void {
  v128.store(table, f32x4.splat(LOG2E), 0)
  v128.store(table, f32x4.splat(-127.0), 16) // smallest argument: gives exactly 0
  v128.store(table, f32x4.splat(12583039.0), 32) // 1.5 · 2²³ + 127: adding it rounds to a whole number and adds the exponent's bias
  v128.store(table, f32x4.splat(1.3264727461904365e-3), 48) // minimax polynomial of 2^f on [−½, ½], exactly 1 at 0
  v128.store(table, f32x4.splat(9.671512837432719e-3), 64)
  v128.store(table, f32x4.splat(5.550733742244505e-2), 80)
  v128.store(table, f32x4.splat(2.402224208235694e-1), 96)
  v128.store(table, f32x4.splat(6.93146977597397e-1), 112)
  v128.store(table, f32x4.splat(1.0), 128)
}

/**
 * e^x for x ≤ 88, relative error 1e-7 near 0; exactly 1 at 0, exactly 0 from −88.1 down, NaN for NaN. The constants are those of the
 * table, in order.
 */
@inline
export function exp(x: v128, log2e: v128, lowest: v128, round: v128, c5: v128, c4: v128, c3: v128, c2: v128, c1: v128, one: v128): v128 {
  x = f32x4.pmax(f32x4.mul(x, log2e), lowest)
  const t = f32x4.add(x, round)
  const f = f32x4.sub(x, f32x4.sub(t, round))
  let p = fma(f, c5, c4)
  p = fma(p, f, c3)
  p = fma(p, f, c2)
  p = fma(p, f, c1)
  p = fma(p, f, one)
  return f32x4.mul(p, i32x4.shl(t, 23))
}

/** Natural logarithm of a positive normal number, in double precision inside: no table, which would be static data. */
export function log(x: f32): f32 {
  const bits = reinterpret<i32>(x) - 0x3f3504f3 // √½: the mantissa lands in [√½, √2)
  const exponent = bits >> 23
  const m = <f64>reinterpret<f32>((bits & 0x7fffff) + 0x3f3504f3)
  const s = (m - 1) / (m + 1)
  const z = s * s
  const series = 1 + z * (1.0 / 3 + z * (1.0 / 5 + z * (1.0 / 7 + z * (1.0 / 9 + z * (1.0 / 11)))))
  return <f32>(<f64>exponent * 0.6931471805599453 + 2 * s * series)
}

@inline
export function sumLanes(v: v128): f32 {
  v = f32x4.add(v, i8x16.shuffle(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7))
  v = f32x4.add(v, i8x16.shuffle(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11))
  return f32x4.extract_lane(v, 0)
}

@inline
export function maxLanes(v: v128): f32 {
  v = f32x4.pmax(v, i8x16.shuffle(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7))
  v = f32x4.pmax(v, i8x16.shuffle(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11))
  return f32x4.extract_lane(v, 0)
}
