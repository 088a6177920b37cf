import type { TensorInfo } from '@tensorflow/tfjs-core'
import type { Problem } from '../options.ts'
import type { Dispatch, Scratch } from './device.ts'
import { problemUniforms } from './wgsl/problem.ts'
import { SEGMENT_BLOCK, segmentsShader } from './wgsl/segments.ts'

/** The buffer of ids and ranges that kernels read; none without segments. */
export function idsScratch(problem: Problem): Scratch[] {
  const { B, T, S, segments } = problem
  return segments === null ? [] : [{ shape: [B * (T + S) + 2 * numBlocks(problem)], dtype: 'int32' }]
}

/** Fills it. */
export function prepareSegments(problem: Problem, ids: TensorInfo | undefined): Dispatch[] {
  const { segments } = problem
  if (segments === null || ids === undefined) return []
  const workgroups = Math.ceil(numBlocks(problem) / 64)
  const uniforms = problemUniforms(problem, { numBlocks: 1, numTasks: workgroups })
  return [{ label: 'FlashAttention segments', code: segmentsShader, uniforms, buffers: [segments.query, segments.key, ids], workgroups }]
}

const numBlocks = ({ B, T, S }: Problem) => B * (Math.ceil(T / SEGMENT_BLOCK) + Math.ceil(S / SEGMENT_BLOCK))
