import * as util from 'node:util'
import type { KernelBackend, TensorInfo } from '@tensorflow/tfjs-core'

/** An attribute of a TensorFlow op. */
export interface OpAttribute {
  readonly name: string
  readonly type: number
  readonly value: number | boolean
}

/** What the kernels use of tfjs-node's backend. */
export interface NodeBackend {
  readonly binding: { readonly TF_ATTR_BOOL: number; readonly TF_ATTR_INT: number; readonly TF_ATTR_FLOAT: number }
  readonly isUsingGpuDevice: boolean
  executeMultipleOutputs(name: string, attributes: readonly OpAttribute[], inputs: readonly TensorInfo[], numOutputs: number): TensorInfo[]
  write(values: Int32Array | Float32Array, shape: readonly number[], dtype: 'int32' | 'float32'): object
  disposeData(dataId: object, force?: boolean): boolean
}

/**
 * The backend, if it is tfjs-node's.
 * @throws TypeError if it is another's; Error on a Node that tfjs-node 4.22 does not run on
 */
export function nodeBackend(backend: KernelBackend): NodeBackend {
  if (!isNodeBackend(backend)) {
    throw new TypeError(
      "registerFlashAttention: the current backend is not tfjs-node's. Import '@tensorflow/tfjs-node' and await tf.setBackend('tensorflow') first.",
    )
  }
  if (!('isNullOrUndefined' in util)) {
    throw new Error(
      `registerFlashAttention: tfjs-node 4.22 calls util.isNullOrUndefined, which Node ${process.versions.node} no longer has. Use Node 22 or older.`,
    )
  }
  return backend
}

function isNodeBackend(backend: KernelBackend): backend is KernelBackend & NodeBackend {
  return 'executeMultipleOutputs' in backend && 'binding' in backend && 'isUsingGpuDevice' in backend
}
