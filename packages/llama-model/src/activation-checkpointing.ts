import * as tf from '@tensorflow/tfjs-core'
import { block, type Pass } from './block.ts'
import { type Op, runOp } from './ops/kernels.ts'

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
export function checkpointedBlock(x: tf.Tensor, layer: number, pass: Pass): tf.Tensor {
  const { params, table, segmentIds } = pass
  const { cos, sin, key } = table
  const weights = Object.entries(params).filter(([name]) => name.startsWith(`model.layers.${layer}.`))
  const constants = { cos, sin, ...(key && { keyCos: key.cos, keySin: key.sin }), ...(segmentIds && { segmentIds }) }
  return runOp(op, { x, ...Object.fromEntries(weights), ...constants }, { layer, pass } as unknown as tf.NamedAttrMap)
}

const op: Op = {
  name: 'LlamaCheckpointedBlock',
  inner: true,
  forward: (inputs, attrs) => [run(inputs, attrs)],
  backward({ dy, saved, attrs, wanted }) {
    const names = [...wanted]
    const xs = names.map((name) => saved[name]!)
    const gradients = gradientsOnOwnTape(() => run(saved, attrs, { onlyGradient: true }), xs, dy)
    return Object.fromEntries(names.map((name, i) => [name, () => gradients[i]!]))
  },
}

/** The block of `attrs` over the tensors of `inputs`. */
function run(inputs: Readonly<Record<string, tf.Tensor>>, attrs: tf.NamedAttrMap, changes: Partial<Pass> = {}): tf.Tensor {
  const { layer, pass } = attrs as unknown as { readonly layer: number; readonly pass: Pass }
  const { x, cos, sin, keyCos, keySin, segmentIds, ...params } = inputs as Record<string, tf.Tensor4D>
  const key = keyCos && keySin && { cos: keyCos, sin: keySin }
  const table = { ...pass.table, cos: cos!, sin: sin!, ...(key && { key }) }
  return block(x!, layer, { ...pass, params, table, segmentIds: segmentIds as tf.Tensor2D | undefined, ...changes })
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
