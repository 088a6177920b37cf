import * as tf from '@tensorflow/tfjs-core'
import { checkTensors } from './checks.ts'
import { ensureGradient, hasKernel } from './run-kernel.ts'

export interface RopeOptions {
  /** Which channels make a pair: 'half' (default) j and j + D/2, as Hugging Face's weights; 'interleaved' 2j and 2j + 1, as the paper's. */
  readonly layout?: 'half' | 'interleaved'
}

/**
 * Rotary position embedding: every pair `(a, b)` of channels becomes `(a·cos − b·sin, b·cos + a·sin)` (Su et al. 2021, eq. 34).
 * One kernel where the backend has `RotaryEmbedding`, composed ops elsewhere. Differentiable in x any number of times: the gradient
 * is the rotation by the opposite angle. For tables of every scaling method, and partial rotary, see rope-abf.
 *
 * @param x float32 [B, T, H, D], D even
 * @param cos float32 [B or 1, T, 1, D/2], of the angles `position · base^(−2j/D)`; no gradient flows into it
 * @param sin float32 of the same shape
 * @returns float32 [B, T, H, D]; the caller disposes it
 * @throws TypeError or RangeError when shapes, dtypes or layout do not fit, or a tensor is disposed
 */
export function rope(x: tf.Tensor4D, cos: tf.Tensor4D, sin: tf.Tensor4D, { layout = 'half' }: RopeOptions = {}): tf.Tensor4D {
  checkTensors('rope', { x, cos, sin })
  const [B, T, , D = 0] = x.shape
  if (x.shape.length !== 4 || D % 2 !== 0) throw new RangeError(`rope: x has shape [${x.shape}]; it must be [B, T, H, D] with an even D.`)
  for (const [name, { shape }] of Object.entries({ cos, sin }))
    if (![B, 1].includes(shape[0]!) || shape[0] !== cos.shape[0] || shape.slice(1).join() !== [T, 1, D / 2].join())
      throw new RangeError(`rope: ${name} has shape [${shape}]; for x [${x.shape}] it must be [${B} or 1, ${T}, 1, ${D / 2}].`)
  if (layout !== 'half' && layout !== 'interleaved')
    throw new RangeError(`rope: layout is '${layout}'; it must be 'half' or 'interleaved'.`)
  if (!hasKernel(op)) tf.registerKernel({ kernelName: op, backendName: tf.getBackend(), kernelFunc: forward })
  ensureGradient({ kernelName: op, inputsToSave: ['cos', 'sin'], gradFunc: backward })
  return run(op, { x, cos, sin }, { layout, inverse: false })
}

// A kernel of its own, so that tfjs saves the tables for the gradient.
const op = 'RopeOp'

interface Inputs {
  readonly x: tf.Tensor4D
  readonly cos: tf.Tensor4D
  readonly sin: tf.Tensor4D
}
interface Attrs {
  readonly layout: 'half' | 'interleaved'
  readonly inverse: boolean
}

const run = (kernel: string, { x, cos, sin }: Inputs, { layout, inverse }: Attrs): tf.Tensor4D =>
  tf.engine().runKernel(kernel, { x, cos, sin }, { layout, inverse })

const forward: tf.KernelFunc = ({ inputs, attrs }) => {
  const [tensors, settings] = [inputs as unknown as Inputs, attrs as unknown as Attrs]
  return hasKernel('RotaryEmbedding') ? run('RotaryEmbedding', tensors, settings) : composed(tensors, settings)
}

const backward: tf.GradFunc = (dy, saved, attrs) => {
  const [cos, sin] = saved as [tf.Tensor4D, tf.Tensor4D]
  const { layout, inverse } = attrs as unknown as Attrs
  return { x: () => run(op, { x: dy as tf.Tensor4D, cos, sin }, { layout, inverse: !inverse }) }
}

function composed({ x, cos, sin }: Inputs, { layout, inverse }: Attrs): tf.Tensor4D {
  return tf.tidy(() => {
    const [B, T, H, D] = x.shape
    const [paired, axis] = layout === 'half' ? [[B, T, H, 2, D / 2], 3] : [[B, T, H, D / 2, 2], 4]
    const [a, b] = tf.unstack(tf.reshape(x, paired), axis) as [tf.Tensor4D, tf.Tensor4D]
    const turn = inverse ? tf.neg(sin) : sin
    const first = tf.sub(tf.mul(a, cos), tf.mul(b, turn))
    const second = tf.add(tf.mul(b, cos), tf.mul(a, turn))
    return tf.reshape(tf.stack([first, second], axis), x.shape)
  })
}
