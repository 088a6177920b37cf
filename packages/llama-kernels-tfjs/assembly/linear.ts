// What a token needs of a Llama's layers: products of a few rows x[M, K] with several matrices W[n, K] in one call, each matrix read once.
import { swiGlu } from './elementwise';
import { max, min } from './simd';
import { dots } from './thin';

/**
 * y = x·Wᵀ for up to three matrices (rows n, 0 where there is none), or residual + x·Wᵀ for one. A task is `rowsPerTask` of all their
 * rows, one matrix after the other.
 */
export function linear(
  task: i32, thread: i32, x: usize, M: i32, K: i32, rowsPerTask: i32, residual: usize,
  w0: usize, y0: usize, n0: i32, w1: usize, y1: usize, n1: i32, w2: usize, y2: usize, n2: i32,
): void {
  const first = task * rowsPerTask, last = first + rowsPerTask;
  part(first, last, x, M, K, w0, y0, n0);
  part(first - n0, last - n0, x, M, K, w1, y1, n1);
  part(first - n0 - n1, last - n0 - n1, x, M, K, w2, y2, n2);
  if (!residual) return;
  for (let i: i32 = 0; i < M; i++) addTo(residual + <usize>(i * n0 + first) * 4, y0 + <usize>(i * n0 + first) * 4, min(last, n0) - first);
}

/** The columns [first, last) of y[M, n], as far as there are such. */
function part(first: i32, last: i32, x: usize, M: i32, K: i32, w: usize, y: usize, n: i32): void {
  first = max(0, first); last = min(n, last);
  if (first < last) dots(w + <usize>first * <usize>K * 4, <usize>K * 4, x, <usize>K * 4, y + <usize>first * 4, <usize>n * 4, last - first, M, K);
}

function addTo(x: usize, y: usize, count: i32): void {
  for (; count >= 4; count -= 4) { v128.store(y, f32x4.add(v128.load(x), v128.load(y))); x += 16; y += 16; }
  for (; count > 0; count--) { store<f32>(y, load<f32>(x) + load<f32>(y)); x += 4; y += 4; }
}

/** y = silu(x·gateᵀ)·(x·upᵀ), for matrices of n rows; `scratch` holds a thread's M·rowsPerTask numbers. */
export function gatedLinear(
  task: i32, thread: i32, x: usize, M: i32, K: i32, rowsPerTask: i32, gate: usize, up: usize, y: usize, n: i32, scratch: usize, T: usize,
): void {
  const first = task * rowsPerTask, count = min(rowsPerTask, n - first), row = <usize>K * 4, from = <usize>first * row;
  const upped = scratch + <usize>thread * <usize>(M * rowsPerTask) * 4;
  y += <usize>first * 4;
  dots(gate + from, row, x, row, y, <usize>n * 4, count, M, K);
  dots(up + from, row, x, row, upped, <usize>count * 4, count, M, K);
  for (let i: i32 = 0; i < M; i++) {
    const own = y + <usize>i * <usize>n * 4;
    swiGlu(0, thread, own, upped + <usize>(i * count) * 4, own, count, count, T);
  }
}
