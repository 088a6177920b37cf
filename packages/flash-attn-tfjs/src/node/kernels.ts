import type { DataId, KernelFunc, NamedAttrMap, NamedTensorInfoMap, TensorInfo } from '@tensorflow/tfjs-core'
import type { NodeBackend } from './backend.ts'

/** Inputs of the ops in ../../native/ops.cc, in their order; the forward op has the first five. */
const INPUTS = ['query', 'key', 'value', 'querySegmentIds', 'keySegmentIds', 'out', 'logSumExp', 'dOut', 'dLogSumExp'] as const
const FORWARD_INPUTS = 5

/** The two kernels on one backend; `settings` are the ops' attributes of these names. */
export function nodeKernels(backend: NodeBackend, settings: { readonly threads: number; readonly simd: number }) {
  const { binding } = backend
  // an empty tensor stands for an input that is left out; the backend's own, so no call leaves or counts a tensor
  const noIds = { dataId: backend.write(new Int32Array(0), [0], 'int32'), shape: [0], dtype: 'int32' } satisfies TensorInfo
  const noGradient = { dataId: backend.write(new Float32Array(0), [0], 'float32'), shape: [0], dtype: 'float32' } satisfies TensorInfo
  const absent: NamedTensorInfoMap = { querySegmentIds: noIds, keySegmentIds: noIds, dLogSumExp: noGradient }

  const attributes = (attrs: NamedAttrMap | undefined) => [
    { name: 'causal', type: binding.TF_ATTR_BOOL, value: attrs?.causal === true },
    ...(['scale', 'softcap'] as const).map((name) => ({ name, type: binding.TF_ATTR_FLOAT, value: Number(attrs?.[name]) })),
    { name: 'window', type: binding.TF_ATTR_INT, value: Number(attrs?.window) },
    ...(['threads', 'simd'] as const).map((name) => ({ name, type: binding.TF_ATTR_INT, value: settings[name] })),
  ]
  const kernel =
    (op: string, numInputs: number, numOutputs: number): KernelFunc =>
    ({ inputs, attrs }) =>
      backend.executeMultipleOutputs(
        op,
        attributes(attrs),
        INPUTS.slice(0, numInputs).map((name) => inputs[name] ?? absent[name]!),
        numOutputs,
      )
  return {
    forward: kernel('FlashAttnTfjs1', FORWARD_INPUTS, 2),
    backward: kernel('FlashAttnTfjs1Grad', INPUTS.length, 3),
    dispose(): void {
      const empty: DataId[] = [noIds.dataId, noGradient.dataId]
      for (const dataId of empty) backend.disposeData(dataId, true)
    },
  }
}
