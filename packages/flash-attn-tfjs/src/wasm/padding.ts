import * as tf from '@tensorflow/tfjs-core'

/** The kernels take head dims that are multiples of this. */
const STEP = 8

/**
 * Runs a kernel on a head dim that is not a multiple of 8: zeros are appended to every head, which changes no score, and cut off the
 * results. Returns null where there is nothing to do.
 */
export function padded(name: string, inputs: tf.NamedTensorInfoMap, attrs: tf.NamedAttrMap | undefined): tf.TensorInfo[] | null {
  const D = inputs.query?.shape[3] as number
  if (D % STEP === 0) return null
  const isOfHeads = (shape: number[]) => shape.length === 4
  return tf.tidy(() => {
    const widen = (x: tf.Tensor) => tf.concat([x, tf.zeros([...x.shape.slice(0, 3), STEP - (D % STEP)])], 3)
    const wide = Object.entries(inputs as unknown as Record<string, tf.Tensor>).map(([role, x]) => [
      role,
      isOfHeads(x.shape) ? widen(x) : x,
    ])
    const outputs = tf.engine().runKernel(name, Object.fromEntries(wide), attrs) as unknown as tf.Tensor[]
    return outputs.map((x) => (isOfHeads(x.shape) ? tf.slice(x, [0, 0, 0, 0], [...x.shape.slice(0, 3), D]) : x))
  })
}
