import * as tf from '@tensorflow/tfjs-core'
import { block, type Pass } from './block.ts'

/**
 * Which layers keep only their input for the gradient, and are computed once more when it comes to them: layers 0, k, 2k, … with
 * `every: k`, the first n with `first: n`. Costs a forward pass of each such layer, without its last product.
 * @see Chen et al. 2016, _Training Deep Nets with Sublinear Memory Cost_
 */
export type ActivationCheckpointing = { readonly every: number } | { readonly first: number }

/** Whether a layer is computed again. @throws RangeError for numbers that name no layers; `who` starts the message */
export function checkpointedLayers(who: string, choice: ActivationCheckpointing | undefined): (layer: number) => boolean {
  if (choice === undefined) return () => false
  const [key, value, least] = 'every' in choice ? (['every', choice.every, 1] as const) : (['first', choice.first, 0] as const)
  if (!Number.isSafeInteger(value) || value < least)
    throw new RangeError(`${who}: activationCheckpointing.${key} is ${value}; it must be a whole number ≥ ${least}.`)
  return key === 'every' ? (layer) => layer % value === 0 : (layer) => layer < value
}

/**
 * `block` that keeps nothing but its input: the gradient runs it again on a tape of its own, which is gone when that layer is done, and
 * frees input and dy. To be followed by operations whose gradients nobody else holds, such as another block or a norm.
 */
export function checkpointedBlock(x_NC: tf.Tensor, layer: number, pass: Pass): tf.Tensor {
  const { params, table, segmentIds } = pass
  const names = Object.keys(params).filter((name) => name.startsWith(`model.layers.${layer}.`))
  const constants = tf.tensor_util.getTensorsInContainer([table, ...(segmentIds ? [segmentIds] : [])])
  const run = tf.customGrad((...args) => {
    const inputs = args.slice(0, -1) as tf.Tensor[]
    const save = args.at(-1) as tf.GradSaveFunc
    save([...inputs, ...constants])
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [x, ...weights] = saved.slice(0, inputs.length)
      const again = withTensors(pass, names, weights, saved.slice(inputs.length))
      const gradients = gradientsOnOwnTape(() => block(x!, layer, again), [x!, ...weights], dy)
      tf.dispose([dy, saved]) // tfjs would keep them until the whole backward pass is over
      return gradients
    }
    return { value: block(inputs[0]!, layer, pass), gradFunc }
  })
  return run(x_NC, ...names.map((name) => params[name]!))
}

/** The pass over the saved tensors of one layer. `constants` come in the order of `getTensorsInContainer`. */
function withTensors(pass: Pass, names: readonly string[], weights: readonly tf.Tensor[], constants: readonly tf.Tensor[]): Pass {
  const { headDim, key } = pass.table
  const [cos, sin, keyCos, keySin] = constants as tf.Tensor4D[]
  const table = { headDim, cos: cos!, sin: sin!, ...(key && { key: { cos: keyCos!, sin: keySin! } }) }
  const segmentIds = pass.segmentIds && (constants.at(-1) as tf.Tensor2D)
  const params = Object.fromEntries(names.map((name, i) => [name, weights[i]!]))
  return { ...pass, params, table, segmentIds, onlyGradient: true }
}

/** tfjs has one tape, and would throw away that of the gradient under way. */
function gradientsOnOwnTape(f: () => tf.Tensor, xs: tf.Tensor[], dy: tf.Tensor): tf.Tensor[] {
  const { state } = tf.engine()
  const { activeTape, gradientDepth } = state
  state.gradientDepth = 0
  try {
    const { value, grads } = tf.engine().gradients(f, xs, dy)
    value.dispose()
    return grads
  } catch (error) {
    for (const { saved = [] } of state.activeTape ?? []) tf.dispose(saved)
    throw error
  } finally {
    Object.assign(state, { activeTape, gradientDepth })
  }
}
