import type { TensorInfo } from '@tensorflow/tfjs-core'
import { type KernelInputs, type Problem, problemOf } from '../options.ts'
import { decodeRows, decodeScratch, decodeSteps } from './decode.ts'
import { type Dispatch, dispatch, type Gpu, withTensors } from './device.ts'
import { idsScratch, prepareSegments } from './segments.ts'
import { type Settings, variantOf } from './settings.ts'
import { chooseTiling, rowsOf } from './tiling.ts'
import { forwardShader } from './wgsl/forward.ts'
import { problemUniforms } from './wgsl/problem.ts'

/** out `[B, T, H, D]` and log-sum-exp `[B, H, T]`. */
export function forwardKernel(gpu: Gpu, settings: Settings, inputs: KernelInputs, attrs: object | undefined): TensorInfo[] {
  const problem = problemOf(inputs, attrs)
  const { B, T, H, G } = problem
  const short = T * G <= decodeRows
  const scratch = [...(short ? decodeScratch(problem) : []), ...idsScratch(problem)]
  return withTensors(gpu, [inputs.query.shape, [B, H, T]], scratch, ([out, logSumExp], temporary) => {
    const ids = problem.segments === null ? undefined : temporary.at(-1)
    const tensors: ForwardTensors = { ...inputs, out: out!, logSumExp: logSumExp!, ids }
    const steps = short ? decodeSteps(problem, settings, tensors, [temporary[0]!, temporary[1]!]) : [tiledStep(problem, settings, tensors)]
    dispatch(gpu, 'FlashAttention', [...prepareSegments(problem, ids), ...steps])
  })
}

export interface ForwardTensors {
  readonly query: TensorInfo
  readonly key: TensorInfo
  readonly value: TensorInfo
  readonly out: TensorInfo
  readonly logSumExp: TensorInfo
  readonly ids: TensorInfo | undefined
}

function tiledStep(problem: Problem, settings: Settings, { query, key, value, out, logSumExp, ids }: ForwardTensors): Dispatch {
  const { B, T, K, G, D } = problem
  const tiling = chooseTiling(settings, Math.ceil(D / 4))
  const numBlocks = Math.ceil((T * G) / rowsOf(tiling))
  const workgroups = B * K * numBlocks
  return {
    label: 'FlashAttention',
    code: forwardShader(variantOf(problem, settings), tiling),
    uniforms: problemUniforms(problem, { numBlocks, numTasks: workgroups }),
    buffers: [query, key, value, out, logSumExp, ...(ids ? [ids] : [])],
    workgroups,
  }
}
