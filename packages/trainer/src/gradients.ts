import * as tf from '@tensorflow/tfjs-core'
import type { Params } from './types.ts'

/**
 * Value of `loss(params)` and its gradient for every parameter, times `weight` where one is given.
 * Returns fresh tensors, owned by the caller; frees everything else, also when the loss throws.
 * @throws TypeError when the loss is no float32 scalar. RangeError when a parameter has no gradient or one of another shape.
 */
export function valueAndGradients(loss: () => tf.Tensor, params: Params, weight?: tf.Scalar): { value: tf.Scalar; gradients: tf.Tensor[] } {
  const names = Object.keys(params)
  const engine = tf.engine()
  let result: { value: tf.Tensor; grads: tf.Tensor[] }
  let scalar: tf.Tensor | undefined
  const forward = (): tf.Tensor => {
    scalar = scalarOf(loss())
    return scalar
  }
  try {
    result = engine.gradients(forward, Object.values(params), weight, true)
  } catch (error) {
    // tfjs frees the loss and what it saved for the backward pass only when that pass ends
    for (const node of engine.state.activeTape ?? []) tf.dispose(node.saved ?? [])
    if (scalar) tf.dispose(scalar)
    throw error
  }
  const { value, grads } = result
  try {
    checkGradients(names, params, grads)
  } catch (error) {
    tf.dispose([value, ...grads.filter((gradient) => gradient !== undefined)])
    throw error
  }
  const seen = new Set<tf.Tensor>(weight ? [weight] : [])
  const gradients = grads.map((gradient) => {
    const own = seen.has(gradient) ? tf.clone(gradient) : gradient
    seen.add(gradient)
    return own
  })
  return { value: value as tf.Scalar, gradients }
}

/** A clone, so that a loss which returns a parameter or a constant gives nothing away that it does not own. */
function scalarOf(loss: unknown): tf.Tensor {
  const isTensor = loss instanceof tf.Tensor
  if (!isTensor || loss.rank !== 0 || loss.dtype !== 'float32') {
    const got = isTensor ? `a ${loss.dtype} tensor of shape [${loss.shape}]` : loss instanceof Promise ? 'a promise' : String(loss)
    throw new TypeError(`loss returned ${got}; it must return one float32 scalar, synchronously. Average it with tf.mean(…).`)
  }
  return tf.clone(loss)
}

function checkGradients(names: readonly string[], params: Params, gradients: readonly (tf.Tensor | undefined)[]): void {
  const without = names.filter((_, i) => gradients[i] === undefined)
  if (without.length > 0) {
    throw new RangeError(
      `no gradient for ${list(without)} (${without.length} of ${names.length}): the loss does not depend on it. ` +
        'Every parameter must take part in the loss. Keep constants and frozen tensors out of params and let loss close over them.',
    )
  }
  names.forEach((name, i) => {
    const [got, expected] = [gradients[i]!.shape, params[name]!.shape]
    if (!tf.util.arraysEqual(got, expected)) {
      throw new RangeError(
        `the gradient of '${name}' has shape [${got}], the parameter [${expected}]; correct the custom gradient behind it.`,
      )
    }
  })
}

/** Adds `more` to `sum` tensor by tensor and frees both as it goes, so that no more than one extra tensor is alive. */
export function addGradients(sum: tf.Tensor[], more: tf.Tensor[]): void {
  for (let i = 0; i < sum.length; i++) {
    const added = tf.add(sum[i]!, more[i]!)
    tf.dispose([sum[i]!, more[i]!])
    sum[i] = added
  }
}

/** Sum of squares of each gradient, [number of gradients]; rows first, so that float32 sums stay short. Owned by the caller. */
export function squaredNorms(gradients: readonly tf.Tensor[]): tf.Tensor {
  if (tf.getKernel('SquaredNorms', tf.getBackend()))
    return tf.engine().runKernel('SquaredNorms', { ...gradients } as unknown as tf.NamedTensorMap)
  return tf.tidy(() =>
    tf.stack(
      gradients.map((gradient) => {
        const squares = tf.square(gradient)
        return tf.sum(squares.rank > 1 ? tf.sum(squares, -1) : squares)
      }),
    ),
  )
}

/** `'a', 'b', 'c' and 4 more`. */
export function list(names: readonly string[], most = 3): string {
  const shown = names.slice(0, most).map((name) => `'${name}'`)
  return names.length > most ? `${shown.join(', ')} and ${names.length - most} more` : shown.join(', ')
}
