import * as tf from '@tensorflow/tfjs-core'

/** `eˣ`, differentiable any number of times: the gradient of tfjs's own saves its output, and second derivatives lose the way through that. */
export function exp(x: tf.Tensor): tf.Tensor {
  return tf.customGrad((...inputs) => {
    const [x, save] = inputs as [tf.Tensor, tf.GradSaveFunc]
    save([x])
    return { value: tf.exp(x), gradFunc: (dy, [x]) => tf.mul(dy, exp(x!)) }
  })(x)
}

/** `x`, but −∞ where `isEmpty` says so; what flows back there is 0, also from a gradient of ∞ or NaN. */
export function minusInfinityWhere(isEmpty: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor3D): tf.Tensor3D {
  return tf.customGrad<tf.Tensor3D>((...inputs) => {
    const [x, save] = inputs as [tf.Tensor3D, tf.GradSaveFunc]
    save([x])
    const value: tf.Tensor3D = tf.where(isEmpty(x), tf.fill(x.shape, Number.NEGATIVE_INFINITY), x)
    return { value, gradFunc: (dy, [x]) => withoutRows(isEmpty, x!, dy) }
  })(x)
}

/** `y`, but 0 where `isEmpty(x)`; linear in `y`. */
function withoutRows(isEmpty: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor, y: tf.Tensor): tf.Tensor {
  const empty = constantOf(isEmpty, x)
  return tf.where(empty, tf.zerosLike(y), y)
}

/** `f(x)`, a constant to gradients. */
export function constantOf(f: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor): tf.Tensor {
  return tf.customGrad((...inputs) => {
    const [x] = inputs as [tf.Tensor]
    return { value: f(x), gradFunc: () => tf.zeros(x.shape) }
  })(x)
}
