// SwiGLU, AdamW, norms: one pass over contiguous arrays in blocks; a tail shorter than a vector runs the same arithmetic on one lane.
import { exp, fma, min, sumLanes } from './simd';

/** σ(x) = 1 / (1 + e^−x); 0 below −88, where e^−x is infinite for float32: −∞ times it is NaN, as everywhere else. */
// @ts-ignore: decorator
@inline
function sigmoid(x: v128, T: usize): v128 {
  const s = f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), exp(f32x4.neg(x), T)));
  return v128.andnot(s, f32x4.lt(x, f32x4.splat(-88)));
}

/** y = gate·σ(gate)·up */
export function swiGlu(task: i32, thread: i32, gate: usize, up: usize, y: usize, size: i32, block: i32, T: usize): void {
  const start = <usize>task * <usize>block * 4;
  gate += start; up += start; y += start;
  let left = min(block, size - task * block);
  for (; left >= 4; left -= 4) {
    const g = v128.load(gate);
    v128.store(y, f32x4.mul(f32x4.mul(g, sigmoid(g, T)), v128.load(up)));
    gate += 16; up += 16; y += 16;
  }
  for (; left > 0; left--) {
    const g = v128.load32_splat(gate);
    v128.store_lane<f32>(y, f32x4.mul(f32x4.mul(g, sigmoid(g, T)), v128.load32_splat(up)), 0);
    gate += 4; up += 4; y += 4;
  }
}

/** dUp = dy·silu(gate); dGate = dy·up·σ·(1 + gate·(1 − σ)) */
export function swiGluGrad(
  task: i32, thread: i32, gate: usize, up: usize, dy: usize, dGate: usize, dUp: usize, size: i32, block: i32, T: usize,
): void {
  const start = <usize>task * <usize>block * 4, one = f32x4.splat(1);
  gate += start; up += start; dy += start; dGate += start; dUp += start;
  let left = min(block, size - task * block);
  for (; left >= 4; left -= 4) {
    const g = v128.load(gate), d = v128.load(dy), s = sigmoid(g, T);
    v128.store(dUp, f32x4.mul(d, f32x4.mul(g, s)));
    v128.store(dGate, f32x4.mul(f32x4.mul(d, v128.load(up)), f32x4.mul(s, fma(g, f32x4.sub(one, s), one))));
    gate += 16; up += 16; dy += 16; dGate += 16; dUp += 16;
  }
  for (; left > 0; left--) {
    const g = v128.load32_splat(gate), d = v128.load32_splat(dy), s = sigmoid(g, T);
    v128.store_lane<f32>(dUp, f32x4.mul(d, f32x4.mul(g, s)), 0);
    v128.store_lane<f32>(dGate, f32x4.mul(f32x4.mul(d, v128.load32_splat(up)), f32x4.mul(s, fma(g, f32x4.sub(one, s), one))), 0);
    gate += 4; up += 4; dy += 4; dGate += 4; dUp += 4;
  }
}

/** m' = β₁m + (1 − β₁)g */
// @ts-ignore: decorator
@inline
function average(old: v128, value: v128, beta: v128, rest: v128): v128 {
  return fma(old, beta, f32x4.mul(value, rest));
}

/**
 * AdamW (Loshchilov & Hutter 2019), in PyTorch's order: p·(1 − lr·decay) − stepSize·m' / (√v'·inverseRoot + ε), where
 * stepSize = lr / (1 − β₁^t) and inverseRoot = 1 / √(1 − β₂^t).
 */
export function adamW(
  task: i32, thread: i32, p: usize, g: usize, m: usize, v: usize, pOut: usize, mOut: usize, vOut: usize, size: i32, block: i32,
  gradientScale: f32, beta1: f32, rest1: f32, beta2: f32, rest2: f32, keep: f32, stepSize: f32, inverseRoot: f32, epsilon: f32,
): void {
  const start = <usize>task * <usize>block * 4;
  p += start; g += start; m += start; v += start; pOut += start; mOut += start; vOut += start;
  const S = f32x4.splat(gradientScale), B1 = f32x4.splat(beta1), R1 = f32x4.splat(rest1), B2 = f32x4.splat(beta2), R2 = f32x4.splat(rest2);
  const K = f32x4.splat(keep), L = f32x4.splat(stepSize), I = f32x4.splat(inverseRoot), E = f32x4.splat(epsilon);
  let left = min(block, size - task * block);
  for (; left >= 4; left -= 4) {
    const grad = f32x4.mul(v128.load(g), S);
    const m1 = average(v128.load(m), grad, B1, R1), v1 = average(v128.load(v), f32x4.mul(grad, grad), B2, R2);
    const update = f32x4.div(f32x4.mul(L, m1), fma(f32x4.sqrt(v1), I, E));
    v128.store(mOut, m1); v128.store(vOut, v1); v128.store(pOut, f32x4.sub(f32x4.mul(v128.load(p), K), update));
    p += 16; g += 16; m += 16; v += 16; pOut += 16; mOut += 16; vOut += 16;
  }
  for (; left > 0; left--) {
    const grad = f32x4.mul(v128.load32_splat(g), S);
    const m1 = average(v128.load32_splat(m), grad, B1, R1), v1 = average(v128.load32_splat(v), f32x4.mul(grad, grad), B2, R2);
    const update = f32x4.div(f32x4.mul(L, m1), fma(f32x4.sqrt(v1), I, E));
    v128.store_lane<f32>(mOut, m1, 0); v128.store_lane<f32>(vOut, v1, 0);
    v128.store_lane<f32>(pOut, f32x4.sub(f32x4.mul(v128.load32_splat(p), K), update), 0);
    p += 4; g += 4; m += 4; v += 4; pOut += 4; mOut += 4; vOut += 4;
  }
}

/** Σ x² of the task's block, in float64 over groups of 1,024: to partial[task], 8 bytes each. */
export function squaredNorm(task: i32, thread: i32, x: usize, partial: usize, size: i32, block: i32): void {
  x += <usize>task * <usize>block * 4;
  let left = min(block, size - task * block), total: f64 = 0;
  while (left > 0) {
    const group = min(left, 1024), vector = x + <usize>(group & ~3) * 4, end = x + <usize>group * 4;
    let sum = f32x4.splat(0);
    for (; x < vector; x += 16) { const v = v128.load(x); sum = fma(v, v, sum); }
    total += sumLanes(sum);
    for (; x < end; x += 4) { const v = load<f32>(x); total += v * v; }
    left -= group;
  }
  store<f64>(partial + <usize>task * 8, total);
}

/** y = factor·x */
export function scale(task: i32, thread: i32, x: usize, y: usize, size: i32, block: i32, factor: f32): void {
  const start = <usize>task * <usize>block * 4, F = f32x4.splat(factor);
  x += start; y += start;
  let left = min(block, size - task * block);
  for (; left >= 4; left -= 4) { v128.store(y, f32x4.mul(v128.load(x), F)); x += 16; y += 16; }
  for (; left > 0; left--) { store<f32>(y, load<f32>(x) * factor); x += 4; y += 4; }
}
