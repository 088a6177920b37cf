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
      for (let d: i32 = 0; d < (p.D & ~3); d += 4) {
        s = fma(v128.load(out), v128.load(dOut), s)
        out += 16
        dOut += 16
      }
      let sum = sumLanes(s)
      for (let d: i32 = p.D & ~3; d < p.D; d++) {
        sum += load<f32>(out) * load<f32>(dOut)
        out += 4
        dOut += 4
      }
      const row = p.rowOffset(b, h, t)
      const ofLogSumExp: f32 = p.dLogSumExp ? load<f32>(p.dLogSumExp + row) : 0
      store<f32>(p.delta + row, sum - ofLogSumExp)
    }
  }
}
