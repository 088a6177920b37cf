// Vector helpers. No static data: constants that a loop needs live in a table inside the heap ("T"), because V8 re-materialises
// v128.const on every use, and because a data segment would overwrite the host program's own data.

/** a·b + c; fused (one rounding) in the relaxed build. */
// @ts-ignore: decorator
@inline
export function fma(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(c, f32x4.mul(a, b));
}

/** Sum of the four lanes. */
// @ts-ignore: decorator
@inline
export function sumLanes(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}

/** Largest of the four lanes. */
// @ts-ignore: decorator
@inline
export function maxLane(v: v128): f32 {
  v = f32x4.pmax(v, i8x16.shuffle(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  v = f32x4.pmax(v, i8x16.shuffle(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
  return f32x4.extract_lane(v, 0);
}

export const TABLE_BYTES: i32 = 192;

/** Writes the constants of `exp` at T (192 bytes). */
export function initTable(T: usize): void {
  v128.store(T, f32x4.splat(-87.33654), 0); // exp of less is below the smallest normal float
  v128.store(T, f32x4.splat(88.0), 16);
  v128.store(T, f32x4.splat(1.44269504088896341), 32); // 1 / ln 2
  v128.store(T, f32x4.splat(12582912.0), 48); // 1.5 · 2^23: adding it rounds to an integer in the low bits
  v128.store(T, f32x4.splat(-0.693359375), 64); // −ln 2, high part: n · high is exact
  v128.store(T, f32x4.splat(2.12194440e-4), 80); // −ln 2, low part
  v128.store(T, f32x4.splat(1.9875691500e-4), 96); // Cephes expf
  v128.store(T, f32x4.splat(1.3981999507e-3), 112);
  v128.store(T, f32x4.splat(8.3334519073e-3), 128);
  v128.store(T, f32x4.splat(4.1665795894e-2), 144);
  v128.store(T, f32x4.splat(1.6666665459e-1), 160);
  v128.store(T, f32x4.splat(5.0000001201e-1), 176);
}

/** e^x by Cody–Waite reduction, x = n·ln 2 + r, and Cephes' polynomial; arguments are clamped to [−87.3, 88]. Error below 1.2 ulp. */
// @ts-ignore: decorator
@inline
export function exp(x: v128, T: usize): v128 {
  x = f32x4.pmin(f32x4.pmax(x, v128.load(T)), v128.load(T, 16));
  const t = fma(x, v128.load(T, 32), v128.load(T, 48));
  const n = f32x4.sub(t, v128.load(T, 48));
  const r = fma(n, v128.load(T, 80), fma(n, v128.load(T, 64), x));
  let p = fma(r, v128.load(T, 96), v128.load(T, 112));
  p = fma(p, r, v128.load(T, 128));
  p = fma(p, r, v128.load(T, 144));
  p = fma(p, r, v128.load(T, 160));
  p = fma(p, r, v128.load(T, 176));
  p = f32x4.add(fma(p, f32x4.mul(r, r), r), f32x4.splat(1));
  return i32x4.add(p, i32x4.shl(t, 23)); // · 2^n
}

/** ln x in double precision without a table: x = 2^e · m, ln m = 2 artanh((m − 1) / (m + 1)). */
export function log(x: f32): f32 {
  const u = reinterpret<i32>(x) - 0x3f3504f3; // √½
  const e = u >> 23;
  const m = <f64>reinterpret<f32>((u & 0x7fffff) + 0x3f3504f3);
  const s = (m - 1) / (m + 1), z = s * s;
  const series = 1 + z * (1.0 / 3 + z * (1.0 / 5 + z * (1.0 / 7 + z * (1.0 / 9 + z * (1.0 / 11)))));
  return <f32>(<f64>e * 0.6931471805599453 + 2 * s * series);
}

// @ts-ignore: decorator
@inline
export function min(a: i32, b: i32): i32 {
  return a < b ? a : b;
}

// @ts-ignore: decorator
@inline
export function max(a: i32, b: i32): i32 {
  return a > b ? a : b;
}
