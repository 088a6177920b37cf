import * as tf from '@tensorflow/tfjs-core'

/** Throws, before anything is allocated, for what is no live tensor of the dtype. */
export function checkTensors(op: string, tensors: Readonly<Record<string, tf.Tensor>>, dtype: tf.DataType = 'float32'): void {
  for (const [name, tensor] of Object.entries(tensors)) {
    if (!(tensor instanceof tf.Tensor)) throw new TypeError(`${op}: ${name} is ${String(tensor)}; it must be a tensor.`)
    if (tensor.isDisposed) throw new RangeError(`${op}: ${name} is already disposed; pass a live tensor.`)
    if (tensor.dtype !== dtype) throw new TypeError(`${op}: ${name} is ${tensor.dtype}; it must be ${dtype}. Cast it with tf.cast(…).`)
  }
}

/** Of gradients and parameters: a list of live float32 tensors. */
export function checkList(op: string, tensors: readonly tf.Tensor[]): void {
  if (tensors.length === 0) throw new RangeError(`${op}: tensors is empty; pass at least one.`)
  checkTensors(op, Object.fromEntries(tensors.map((tensor, i) => [`tensors[${i}]`, tensor])))
}
