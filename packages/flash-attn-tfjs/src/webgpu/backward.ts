import type { TensorInfo } from '@tensorflow/tfjs-core'
import { type BackwardInputs, problemOf } from '../options.ts'
import { type Dispatch, dispatch, type Gpu, type Scratch, withTensors } from './device.ts'
import { idsScratch, prepareSegments } from './segments.ts'
import { type Settings, variantOf } from './settings.ts'
import { chooseTiling, rowsOf, type Tiling } from './tiling.ts'
import { deltaShader } from './wgsl/delta.ts'
import { gradientKeyShader, type KeyGradient } from './wgsl/gradient-key.ts'
import { gradientQueryShader } from './wgsl/gradient-query.ts'
import { problemUniforms } from './wgsl/problem.ts'

/** Beyond this head dim the sums of dKey and dValue do not fit a thread's registers together, and each gets a pass. */
const BOTH_UP_TO = 128

/** dQuery, dKey, dValue. */
export function backwardKernel(gpu: Gpu, settings: Settings, inputs: BackwardInputs, attrs: object | undefined): TensorInfo[] {
  const problem = problemOf(inputs, attrs)
  const { B, T, S, H, K, G, D } = problem
  const { query, key, value, out, logSumExp, dOut, dLogSumExp } = inputs
  const variant = variantOf(problem, settings)
  const vectors = Math.ceil(D / 4)
  const scratch: Scratch[] = [{ shape: [B, H, T, 2], dtype: 'float32' }, ...idsScratch(problem)]
  return withTensors(gpu, [query.shape, key.shape, value.shape], scratch, (gradients, [statistics, ids]) => {
    const [dQuery, dKey, dValue] = gradients as [TensorInfo, TensorInfo, TensorInfo]
    const withIds = ids ? [ids] : []
    const blocks = (label: string, length: number, tiling: Tiling, code: string, buffers: TensorInfo[]): Dispatch => {
      const numBlocks = Math.ceil(length / rowsOf(tiling))
      const workgroups = B * K * numBlocks
      return {
        label,
        code,
        uniforms: problemUniforms(problem, { numBlocks, numTasks: workgroups }),
        buffers: [...buffers, ...withIds],
        workgroups,
      }
    }
    const keyPass = (outputs: readonly KeyGradient[]) => {
      const into = { dKey, dValue }
      const operands = outputs.includes('dKey') ? [query, key, value, dOut] : [query, key, dOut]
      const tiling = chooseTiling(settings, vectors * outputs.length)
      return blocks(`FlashAttentionGrad ${outputs}`, S, tiling, gradientKeyShader(variant, tiling, outputs), [
        ...operands,
        statistics!,
        ...outputs.map((name) => into[name]),
      ])
    }
    const queryTiling = chooseTiling(settings, vectors)
    const numRows = Math.ceil((B * T * H) / 64)
    dispatch(gpu, 'FlashAttentionGrad', [
      ...prepareSegments(problem, ids),
      {
        label: 'FlashAttentionGrad delta',
        code: deltaShader(D, dLogSumExp !== undefined),
        uniforms: problemUniforms(problem, { numBlocks: numRows, numTasks: numRows }),
        buffers: [out, dOut, logSumExp, statistics!, ...(dLogSumExp ? [dLogSumExp] : [])],
        workgroups: numRows,
      },
      blocks('FlashAttentionGrad dQuery', T * G, queryTiling, gradientQueryShader(variant, queryTiling), [
        query,
        key,
        value,
        dOut,
        statistics!,
        dQuery,
      ]),
      ...(D <= BOTH_UP_TO ? [keyPass(['dKey', 'dValue'])] : [keyPass(['dKey']), keyPass(['dValue'])]),
    ])
  })
}
