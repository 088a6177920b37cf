import * as tf from '@tensorflow/tfjs-core'
import type { Inputs } from './cases.ts'
import { type OracleProblem, sees } from './oracle.ts'

export type KernelResults = Record<'out' | 'logSumExp' | 'dQuery' | 'dKey' | 'dValue', Float32Array>

/** Runs both kernels of the current backend. WebGPU gives values only to those who wait, so this does not go through `tf.grads`. */
export async function runKernels(p: OracleProblem, { q, k, v, dOut }: Inputs, dLogSumExp?: Float32Array): Promise<KernelResults> {
  const { B, T, S, H, K, D, causal, scale = 1 / Math.sqrt(D), window = 0, softcap = 0, queryIds, keyIds } = p
  const tensors = tf.tidy(() => {
    const inputs: Record<string, tf.Tensor> = {
      query: tf.tensor4d(q, [B, T, H, D]),
      key: tf.tensor4d(k, [B, S, K, D]),
      value: tf.tensor4d(v, [B, S, K, D]),
    }
    if (queryIds && keyIds) {
      inputs.querySegmentIds = tf.tensor2d(Int32Array.from(queryIds), [B, T], 'int32')
      inputs.keySegmentIds = tf.tensor2d(Int32Array.from(keyIds), [B, S], 'int32')
    }
    const attrs = { causal, scale, window, softcap }
    const [out, logSumExp] = runKernel('FlashAttention', inputs, attrs)
    const saved = { ...inputs, out: out!, logSumExp: logSumExp!, dOut: tf.tensor4d(dOut, [B, T, H, D]) }
    const gradients = runKernel(
      'FlashAttentionGrad',
      dLogSumExp ? { ...saved, dLogSumExp: tf.tensor3d(dLogSumExp, [B, H, T]) } : saved,
      attrs,
    )
    return [out!, logSumExp!, ...gradients]
  })
  const [out, logSumExp, dQuery, dKey, dValue] = await Promise.all(tensors.map((tensor) => tensor.data<'float32'>()))
  tf.dispose(tensors)
  return { out: out!, logSumExp: logSumExp!, dQuery: dQuery!, dKey: dKey!, dValue: dValue! }
}

function runKernel(name: string, inputs: Record<string, tf.Tensor>, attrs: tf.NamedAttrMap): tf.Tensor[] {
  return tf.engine().runKernel(name, inputs, attrs) as unknown as tf.Tensor[]
}

/** Log-sum-exp `[B, H, T]` in float64 and the gradients of `Σ dLse · lse`; rows that see no key have `unseen` 1 and pass none. */
export function gradientOf(p: OracleProblem, q: ArrayLike<number>, k: ArrayLike<number>, dLse: ArrayLike<number>) {
  const { B, T, S, H, K, D, scale = 1 / Math.sqrt(D) } = p
  const logSumExp = new Float64Array(B * H * T)
  const unseen = new Uint8Array(B * H * T)
  const dQuery = new Float64Array(q.length)
  const dKey = new Float64Array(k.length)
  for (let b = 0; b < B; b++)
    for (let h = 0; h < H; h++)
      for (let i = 0; i < T; i++) {
        const at = (b * H + h) * T + i
        const row = ((b * T + i) * H + h) * D
        const keyAt = (j: number) => ((b * S + j) * K + Math.floor((h * K) / H)) * D
        const seen = Array.from({ length: S }, (_, j) => j).filter((j) => sees(p, b, i, j))
        const scores = seen.map((j) => Array.from({ length: D }, (_, d) => scale * q[row + d]! * k[keyAt(j) + d]!).reduce((x, y) => x + y))
        const sum = scores.map(Math.exp).reduce((x, y) => x + y, 0)
        logSumExp[at] = Math.log(sum)
        unseen[at] = seen.length === 0 ? 1 : 0
        for (const [n, j] of seen.entries())
          for (let d = 0; d < D; d++) {
            const dScore = (dLse[at]! * Math.exp(scores[n]!) * scale) / sum
            dQuery[row + d]! += dScore * k[keyAt(j) + d]!
            dKey[keyAt(j) + d]! += dScore * q[row + d]!
          }
      }
  return { logSumExp, unseen, dQuery, dKey }
}
