import * as tf from '@tensorflow/tfjs-core'
import type { RopeLayout } from '../rope.ts'
import type { RopeTable } from './rope-table.ts'

export interface ApplyRopeOptions {
  /** Default `'half'`, the layout of Hugging Face weights. */
  readonly layout?: RopeLayout
  /** Which table of an xPos table to use; without effect on other tables. */
  readonly role?: 'query' | 'key'
}

interface Inputs {
  readonly x: tf.Tensor4D
  readonly cos: tf.Tensor4D
  readonly sin: tf.Tensor4D
}

interface Attrs {
  readonly layout: RopeLayout
  readonly inverse: boolean
}

// What applyRope runs: a kernel, so that tfjs saves the table for the gradient (a customGrad may save only what it returns).
const OP = 'ApplyRope'

function registerOp(backendName: string): void {
  if (tf.getKernel(OP, backendName)) return
  tf.registerKernel({ kernelName: OP, backendName, kernelFunc: forward })
  if (!tf.getGradient(OP)) tf.registerGradient({ kernelName: OP, inputsToSave: ['cos', 'sin'], gradFunc: gradients })
}

function run(kernel: string, { x, cos, sin }: Inputs, { layout, inverse }: Attrs): tf.Tensor4D {
  return tf.engine().runKernel(kernel, { x, cos, sin }, { layout, inverse })
}

/** Rotates the leading channels, twice the table's width, and copies the rest. */
const forward: tf.KernelFunc = ({ inputs, attrs }) => {
  const { x: x_BTHD, cos, sin } = inputs as unknown as Inputs
  const { layout, inverse } = attrs as unknown as Attrs
  const hasKernel = tf.getKernel('RotaryEmbedding', tf.getBackend()) !== undefined
  const rotateHeads = (x: tf.Tensor4D) =>
    hasKernel ? run('RotaryEmbedding', { x, cos, sin }, { layout, inverse }) : composed({ x, cos, sin }, { layout, inverse })
  const [B, T, H, D] = x_BTHD.shape
  const rotaryDim = 2 * cos.shape[3]
  if (rotaryDim === D) return rotateHeads(x_BTHD)
  return tf.tidy(() => {
    const turned = rotateHeads(tf.slice(x_BTHD, [0, 0, 0, 0], [B, T, H, rotaryDim]))
    return tf.concat([turned, tf.slice(x_BTHD, [0, 0, 0, rotaryDim], [B, T, H, D - rotaryDim])], 3)
  })
}

/** The gradient of a rotation is the rotation by the opposite angle, itself differentiable. */
const gradients: tf.GradFunc = (dy, saved, attrs) => {
  const [cos, sin] = saved as [tf.Tensor4D, tf.Tensor4D]
  const { layout, inverse } = attrs as unknown as Attrs
  return { x: () => run(OP, { x: dy as tf.Tensor4D, cos, sin }, { layout, inverse: !inverse }) }
}

/** Rotation of whole heads by tfjs ops. */
function composed({ x: x_BTHD, cos, sin }: Inputs, { layout, inverse }: Attrs): tf.Tensor4D {
  return tf.tidy(() => {
    const [B, T, H, D] = x_BTHD.shape
    const [paired, axis] = layout === 'half' ? [[B, T, H, 2, D / 2], 3] : [[B, T, H, D / 2, 2], 4]
    const [a, b] = tf.unstack(tf.reshape(x_BTHD, paired), axis) as [tf.Tensor4D, tf.Tensor4D]
    const turn = inverse ? tf.neg(sin) : sin
    const first = tf.sub(tf.mul(a, cos), tf.mul(b, turn))
    const second = tf.add(tf.mul(b, cos), tf.mul(a, turn))
    return tf.reshape(tf.stack([first, second], axis), x_BTHD.shape)
  })
}

/**
 * Queries or keys turned by the angles of the table: for every pair `(a, b)`, `a' = a·cos − b·sin`, `b' = b·cos + a·sin`;
 * channels beyond `rotaryDim` pass unchanged (partial rotary).
 *
 * One differentiable op: `dx` is `dy` turned by the opposite angle; no gradient reaches the table. Runs the kernel `RotaryEmbedding`
 * where the backend has one registered, composed tfjs ops elsewhere.
 *
 * @param x float32 [B, T, H, D]
 * @param table of `ropeTable`, for the same `T` and `headDim = D`; positions for one row serve every row
 * @returns a new tensor [B, T, H, D]; the caller disposes it
 * @throws TypeError if `x` is not float32 of rank 4, or an xPos table comes without a role; RangeError if shapes do not fit
 * @see Su et al. 2021 (arXiv 2104.09864) eq. 34
 */
export function applyRope(x: tf.Tensor4D, table: RopeTable, { layout = 'half', role }: ApplyRopeOptions = {}): tf.Tensor4D {
  if (x.rank !== 4 || x.dtype !== 'float32') {
    throw new TypeError(`applyRope: x is a ${x.dtype} tensor of shape [${x.shape}]; it must be float32 [B, T, H, D]. Reshape or cast it.`)
  }
  if (layout !== 'half' && layout !== 'interleaved') {
    throw new RangeError(`applyRope: layout is ${JSON.stringify(layout)}; it must be 'half' (Hugging Face) or 'interleaved' (paper, Meta).`)
  }
  if (table.key && !role) throw new TypeError("applyRope: this is an xPos table; pass role: 'query' or 'key'.")
  const { cos, sin } = table.key && role === 'key' ? table.key : table
  const [B, T, , D] = x.shape
  const [rows, length] = cos.shape
  if (length !== T || (rows !== 1 && rows !== B) || table.headDim !== D) {
    throw new RangeError(
      `applyRope: the table is for [${rows === 1 ? 'B' : rows}, ${length}, H, ${table.headDim}] and x is [${x.shape}]; B, T and D must ` +
        'agree. Build the table from the positions of these tokens and the headDim of these heads.',
    )
  }
  registerOp(tf.getBackend())
  return run(OP, { x, cos, sin }, { layout, inverse: false })
}
