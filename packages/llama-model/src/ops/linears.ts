import * as tf from '@tensorflow/tfjs-core'
import { hasKernel, runKernel } from './kernels.ts'

const fewRows = 8 // that the kernel takes

interface Inputs {
  /** [N, C] */
  readonly x: tf.Tensor
  /** One to three matrices [F, C]. */
  readonly weights: readonly tf.Tensor[]
  /** [C]: x is normalised first. */
  readonly norm?: tf.Tensor
  /** [N, F], added to the product; with one weight only. */
  readonly residual?: tf.Tensor
}

/** Whether `linears` can be called for N rows: the backend has the kernel, few rows, and no gradient is being taken. */
export const hasLinears = (rows: number): boolean => rows <= fewRows && tf.engine().state.activeTape == null && hasKernel('LlamaLinears')

/**
 * `h·weightᵀ` for each weight, `h = x` or its RMSNorm, plus `residual`; with `gated` the one tensor `silu(h·weight0ᵀ)·(h·weight1ᵀ)`. One
 * kernel that reads each weight once: a token spends its time in reading weights, and between small ops. Not differentiable.
 */
export function linears({ x, weights, norm, residual }: Inputs, { epsilon = 0, gated = false } = {}): tf.Tensor[] {
  const matrices = Object.fromEntries(weights.map((weight, i) => [`weight${i}`, weight]))
  const outputs = runKernel('LlamaLinears', { x, ...matrices, ...(norm && { norm }), ...(residual && { residual }) }, { epsilon, gated })
  return Array.isArray(outputs) ? outputs : [outputs]
}
