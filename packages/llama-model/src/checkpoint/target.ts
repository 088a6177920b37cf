import * as tf from '@tensorflow/tfjs-core'

/** Where the numbers of a tensor go. */
export interface Target {
  /** To be asked for again after every pause: a wasm heap that grows takes old views with it. */
  values(): Float32Array
  tensor(): tf.Tensor
}

/** The methods of tfjs-backend-wasm that make a tensor whose numbers are written afterwards. */
interface WasmBackend {
  makeOutput(shape: number[], dtype: 'float32'): tf.TensorInfo
  typedArrayFromHeap(info: tf.TensorInfo): Float32Array
}

/** Whether tensors lie in shared memory: it stays where it is when the heap grows, so that other threads can fill it meanwhile. */
export function hasSharedHeap(): boolean {
  const { wasm } = tf.backend() as { readonly wasm?: { readonly HEAPU8?: Uint8Array } }
  return typeof SharedArrayBuffer !== 'undefined' && wasm?.HEAPU8?.buffer instanceof SharedArrayBuffer
}

export function makeTarget(shape: readonly number[]): Target {
  const backend = tf.backend() as unknown as Partial<WasmBackend>
  if (!backend.makeOutput || !backend.typedArrayFromHeap) {
    const values = new Float32Array(tf.util.sizeFromShape([...shape]))
    return { values: () => values, tensor: () => tf.tensor(values, [...shape], 'float32') }
  }
  const { makeOutput, typedArrayFromHeap } = backend as WasmBackend
  const info = makeOutput.call(backend, [...shape], 'float32')
  const tensor = tf.engine().makeTensorFromTensorInfo(info)
  const values = () => typedArrayFromHeap.call(backend, info)
  if (values().byteOffset === 0) {
    tensor.dispose() // tfjs-wasm goes on with address 0 when its heap is full
    throw new RangeError(
      `loadPretrained: the wasm heap has no room for a tensor of shape [${shape}]; dispose others, or take another backend.`,
    )
  }
  return { values, tensor: () => tensor }
}
