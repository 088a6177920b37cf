import type { TensorInfo } from '@tensorflow/tfjs-core'
import type { Problem } from '../options.ts'
import type { Dispatch, Scratch } from './device.ts'
import type { ForwardTensors } from './forward.ts'
import { type Settings, variantOf } from './settings.ts'
import { decodeBytes, decodeShader, KEYS_PER_SPLIT, mergeShader } from './wgsl/decode.ts'
import { distances, problemUniforms } from './wgsl/problem.ts'

/** Up to so many rows of a key head (queries × heads that share it), keys are split over workgroups. */
export const decodeRows = 32

/** What the parts give, by split and row: outputs in whole vectors, and log-sum-exp. */
export function decodeScratch(problem: Problem): Scratch[] {
  const { B, T, H, D } = problem
  const rows = numSplits(problem) * B * T * H
  return [
    { shape: [rows, 4 * Math.ceil(D / 4)], dtype: 'float32' },
    { shape: [rows], dtype: 'float32' },
  ]
}

export function decodeSteps(
  problem: Problem,
  settings: Settings,
  { query, key, value, out, logSumExp, ids }: ForwardTensors,
  [parts, partsLse]: readonly [TensorInfo, TensorInfo],
): Dispatch[] {
  const { B, T, H, K, G, D } = problem
  const { maxComputeWorkgroupStorageSize } = settings.limits
  const rows = [4, 2].find((n) => n <= T * G && decodeBytes(n, D) <= maxComputeWorkgroupStorageSize) ?? 1
  const numBlocks = Math.ceil((T * G) / rows)
  const splits = numSplits(problem)
  const workgroups = B * K * numBlocks * splits
  const merging = Math.ceil((B * T * H * Math.ceil(D / 4)) / 64)
  return [
    {
      label: 'FlashAttention parts',
      code: decodeShader({ ...variantOf(problem, settings), subgroups: false, tiles: 'f32' }, rows),
      uniforms: problemUniforms(problem, { numBlocks, numTasks: workgroups, numSplits: splits }),
      buffers: [query, key, value, parts, partsLse, ...(ids ? [ids] : [])],
      workgroups,
    },
    {
      label: 'FlashAttention merge',
      code: mergeShader(D),
      uniforms: problemUniforms(problem, { numBlocks: 1, numTasks: merging, numSplits: splits }),
      buffers: [parts, partsLse, out, logSumExp],
      workgroups: merging,
    },
  ]
}

/** Splits of the keys that any of the queries sees by position; at least one, which then sees nothing. */
function numSplits(problem: Problem): number {
  const { T, S } = problem
  const { lowest, highest } = distances(problem)
  const [first, last] = [Math.max(0, S - T - highest), Math.min(S - 1, S - 1 - lowest)]
  return Math.max(1, Math.ceil((last - first + 1) / KEYS_PER_SPLIT))
}
