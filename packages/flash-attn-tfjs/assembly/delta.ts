import { Problem } from './problem'
import { fma, sumLanes } from './simd'

/** Task: δ = Σ_d dOut · out − dLogSumExp, `[B, H, T]`, for `chunkRows` rows of all heads of one batch element. */
export function flashDelta(task: i32, thread: i32, problem: usize): void {
  const p = changetype<Problem>(problem)
  const numChunks = (p.T + p.chunkRows - 1) / p.chunkRows
  const b = task / numChunks
  const start = (task % numChunks) * p.chunkRows
  const end = min(p.T, start + p.chunkRows)
  const offset = <usize>(b * p.T + start) * p.queryStride
  let out = p.out + offset
  let dOut = p.dOut + offset
  for (let t = start; t < end; t++) {
    for (let h: i32 = 0; h < p.H; h++) {
      let s = f32x4.splat(0)
      for (let d: i32 = 0; d < p.D; d += 4) {
        s = fma(v128.load(out), v128.load(dOut), s)
        out += 16
        dOut += 16
      }
      const row = p.rowOffset(b, h) + <usize>t * 4
      const ofLogSumExp: f32 = p.dLogSumExp ? load<f32>(p.dLogSumExp + row) : 0
      store<f32>(p.delta + row, sumLanes(s) - ofLogSumExp)
    }
  }
}

/** Numbers a task of `sumParts` adds up. */
const CHUNK: usize = 16384

/** Task: adds `numParts` arrays of `length` numbers (a multiple of 4), one behind the other, to `target`; in order, so that sums do not depend on threads. */
export function sumParts(task: i32, thread: i32, target: usize, parts: usize, numParts: i32, length: usize): void {
  const start = <usize>task * CHUNK
  const end = min(length, start + CHUNK)
  for (let part: i32 = 0; part < numParts; part++) {
    const source = parts + <usize>part * length * 4
    for (let i = start * 4; i < end * 4; i += 16) {
      v128.store(target + i, f32x4.add(v128.load(target + i), v128.load(source + i)))
    }
  }
}
