// RMSNorm, rotary embedding and segment sums: work by rows of any length.
import { fma, min, sumLanes } from './simd';

/** y = x·r·w with r = 1 / √(mean(x²) + ε), stored per row. */
export function rmsNorm(
  task: i32, thread: i32, x: usize, w: usize, y: usize, inverse: usize, rows: i32, C: i32, rowsPerTask: i32, epsilon: f32,
): void {
  const first = task * rowsPerTask, bytes = <usize>C * 4, vector = bytes & ~15;
  const last = min(rows, first + rowsPerTask);
  x += <usize>first * bytes; y += <usize>first * bytes;
  for (let row = first; row < last; row++) {
    let sum = f32x4.splat(0), o: usize = 0;
    for (; o < vector; o += 16) { const t = v128.load(x + o); sum = fma(t, t, sum); }
    let total = sumLanes(sum);
    for (; o < bytes; o += 4) { const t = load<f32>(x + o); total += t * t; }
    const r: f32 = 1 / sqrt<f32>(total / <f32>C + epsilon), R = f32x4.splat(r);
    store<f32>(inverse + <usize>row * 4, r);
    for (o = 0; o < vector; o += 16) v128.store(y + o, f32x4.mul(f32x4.mul(v128.load(x + o), R), v128.load(w + o)));
    for (; o < bytes; o += 4) store<f32>(y + o, load<f32>(x + o) * r * load<f32>(w + o));
    x += bytes; y += bytes;
  }
}

/** With x̂ = x·r: dx = r·(dy·w − x̂·mean(dy·w·x̂)); the task's share of dw = Σ dy·x̂ goes to partial[task]. */
export function rmsNormGrad(
  task: i32, thread: i32, x: usize, w: usize, inverse: usize, dy: usize, dx: usize, partial: usize, rows: i32, C: i32, rowsPerTask: i32,
): void {
  const first = task * rowsPerTask, bytes = <usize>C * 4, vector = bytes & ~15;
  const last = min(rows, first + rowsPerTask), dw = partial + <usize>task * bytes;
  memory.fill(dw, 0, bytes);
  x += <usize>first * bytes; dy += <usize>first * bytes; dx += <usize>first * bytes;
  for (let row = first; row < last; row++) {
    const r = load<f32>(inverse + <usize>row * 4), R = f32x4.splat(r);
    let sum = f32x4.splat(0), o: usize = 0;
    for (; o < vector; o += 16) {
      const normed = f32x4.mul(v128.load(x + o), R), g = v128.load(dy + o);
      v128.store(dw + o, fma(g, normed, v128.load(dw + o)));
      sum = fma(f32x4.mul(g, v128.load(w + o)), normed, sum);
    }
    let total = sumLanes(sum);
    for (; o < bytes; o += 4) {
      const normed = load<f32>(x + o) * r, g = load<f32>(dy + o);
      store<f32>(dw + o, load<f32>(dw + o) + g * normed);
      total += g * load<f32>(w + o) * normed;
    }
    const mean: f32 = total / <f32>C, minus = f32x4.splat(-mean);
    for (o = 0; o < vector; o += 16) {
      const normed = f32x4.mul(v128.load(x + o), R);
      v128.store(dx + o, f32x4.mul(R, fma(normed, minus, f32x4.mul(v128.load(dy + o), v128.load(w + o)))));
    }
    for (; o < bytes; o += 4) store<f32>(dx + o, r * (load<f32>(dy + o) * load<f32>(w + o) - load<f32>(x + o) * r * mean));
    x += bytes; dy += bytes; dx += bytes;
  }
}

/** out[C] = Σ of `count` partial rows, always in the same order. */
export function sumRows(partial: usize, count: i32, C: i32, out: usize): void {
  const bytes = <usize>C * 4;
  memory.copy(out, partial, bytes);
  for (let row: i32 = 1; row < count; row++) {
    partial += bytes;
    let o: usize = 0;
    for (; o + 16 <= bytes; o += 16) v128.store(out + o, f32x4.add(v128.load(out + o), v128.load(partial + o)));
    for (; o < bytes; o += 4) store<f32>(out + o, load<f32>(out + o) + load<f32>(partial + o));
  }
}

/** Rotates one pair (p, q) by an angle given as cos and sign·sin. */
// @ts-ignore: decorator
@inline
function rotatePair(p: usize, q: usize, toP: usize, toQ: usize, c: f32, s: f32): void {
  const u = load<f32>(p), v = load<f32>(q);
  store<f32>(toP, u * c - v * s);
  store<f32>(toQ, v * c + u * s);
}

/**
 * Rotary embedding of x[B, T, H, D]: pairs (i, i + D/2) with `interleaved` = 0, (2i, 2i + 1) with 1. `sign` −1 rotates back.
 * A task is `tokensPerTask` of the B·T tokens; tables are [T, D/2] per batch element, `tableBatch` bytes apart (0: one for all).
 */
export function rotary(
  task: i32, thread: i32, x: usize, cos: usize, sin: usize, y: usize, tokens: i32, T: i32, H: i32, D: i32,
  tokensPerTask: i32, tableBatch: usize, interleaved: i32, sign: f32,
): void {
  const first = task * tokensPerTask, last = min(tokens, first + tokensPerTask), half = D >> 1, S = f32x4.splat(sign);
  const headBytes = <usize>D * 4, halfBytes = <usize>half * 4, vector = halfBytes & ~15;
  x += <usize>first * <usize>H * headBytes; y += <usize>first * <usize>H * headBytes;
  for (let token = first; token < last; token++) {
    const table = <usize>(token / T) * tableBatch + <usize>(token % T) * halfBytes, c = cos + table, s = sin + table;
    for (let head: i32 = 0; head < H; head++) {
      let o: usize = 0;
      if (interleaved) {
        for (; o < halfBytes; o += 4) rotatePair(x + 2 * o, x + 2 * o + 4, y + 2 * o, y + 2 * o + 4, load<f32>(c + o), sign * load<f32>(s + o));
      } else {
        const x2 = x + halfBytes, y2 = y + halfBytes;
        for (; o < vector; o += 16) {
          const u = v128.load(x + o), v = v128.load(x2 + o), C = v128.load(c + o), Z = f32x4.mul(S, v128.load(s + o));
          v128.store(y + o, f32x4.sub(f32x4.mul(u, C), f32x4.mul(v, Z)));
          v128.store(y2 + o, f32x4.add(f32x4.mul(v, C), f32x4.mul(u, Z)));
        }
        for (; o < halfBytes; o += 4) rotatePair(x + o, x2 + o, y + o, y2 + o, load<f32>(c + o), sign * load<f32>(s + o));
      }
      x += headBytes; y += headBytes;
    }
  }
}

/** out[s] = Σ of the rows of x whose id is s, for the task's columns; rows are added in order, ids outside are skipped. */
export function segmentSum(
  task: i32, thread: i32, x: usize, ids: usize, out: usize, rows: i32, cols: i32, numSegments: i32, colsPerTask: i32, integers: i32,
): void {
  const first = task * colsPerTask, bytes = <usize>min(colsPerTask, cols - first) * 4, stride = <usize>cols * 4;
  x += <usize>first * 4; out += <usize>first * 4;
  for (let segment: i32 = 0; segment < numSegments; segment++) memory.fill(out + <usize>segment * stride, 0, bytes);
  for (let row: i32 = 0; row < rows; row++) {
    const id = load<i32>(ids + <usize>row * 4);
    if (<u32>id < <u32>numSegments) {
      const to = out + <usize>id * stride;
      let o: usize = 0;
      if (integers) for (; o < bytes; o += 4) store<i32>(to + o, load<i32>(to + o) + load<i32>(x + o));
      for (; o + 16 <= bytes; o += 16) v128.store(to + o, f32x4.add(v128.load(to + o), v128.load(x + o)));
      for (; o < bytes; o += 4) store<f32>(to + o, load<f32>(to + o) + load<f32>(x + o));
    }
    x += stride;
  }
}
