import * as tf from '@tensorflow/tfjs-core'
import type { RopeLayout } from '../rope.ts'
import type { RopeTable } from './rope-table.ts'

export interface ApplyRopeOptions {
  /** Default `'half'`, the layout of Hugging Face weights. */
  readonly layout?: RopeLayout
  /** Which table of an xPos table to use; without effect on other tables. */
  readonly role?: 'query' | 'key'
}

/** Rotation of whole heads by `RotaryEmbedding` of the running backend. */
function byKernel(x_BTHD: tf.Tensor4D, cos: tf.Tensor, sin: tf.Tensor, layout: RopeLayout, inverse: boolean): tf.Tensor4D {
  const inputs = { x: x_BTHD, cos, sin }
  return tf.engine().runKernel('RotaryEmbedding', inputs, { layout, inverse })
}

/** The same by tfjs ops. */
function byOps(x_BTHD: tf.Tensor4D, cos: tf.Tensor, sin: tf.Tensor, layout: RopeLayout, inverse: boolean): tf.Tensor4D {
  return tf.tidy(() => {
    const [B, T, H, D] = x_BTHD.shape
    const paired = layout === 'half' ? [B, T, H, 2, D / 2] : [B, T, H, D / 2, 2]
    const [a, b] = tf.unstack(tf.reshape(x_BTHD, paired), layout === 'half' ? 3 : 4) as [tf.Tensor4D, tf.Tensor4D]
    const aCos = tf.mul(a, cos)
    const bCos = tf.mul(b, cos)
    const aSin = tf.mul(a, sin)
    const bSin = tf.mul(b, sin)
    const first = inverse ? tf.add(aCos, bSin) : tf.sub(aCos, bSin)
    const second = inverse ? tf.sub(bCos, aSin) : tf.add(bCos, aSin)
    return tf.reshape(tf.stack([first, second], layout === 'half' ? 3 : 4), x_BTHD.shape)
  })
}

/** Rotates the leading channels, twice the table's width, and copies the rest. */
function forward(x_BTHD: tf.Tensor4D, cos: tf.Tensor, sin: tf.Tensor, layout: RopeLayout, inverse: boolean): tf.Tensor4D {
  const rotateHeads = tf.getKernel('RotaryEmbedding', tf.getBackend()) ? byKernel : byOps
  const [B, T, H, D] = x_BTHD.shape
  const rotaryDim = 2 * cos.shape[3]!
  if (rotaryDim === D) return rotateHeads(x_BTHD, cos, sin, layout, inverse)
  return tf.tidy(() => {
    const turned = rotateHeads(tf.slice(x_BTHD, [0, 0, 0, 0], [B, T, H, rotaryDim]), cos, sin, layout, inverse)
    return tf.concat([turned, tf.slice(x_BTHD, [0, 0, 0, rotaryDim], [B, T, H, D - rotaryDim])], 3)
  })
}

/** The rotation as one op; its gradient is the rotation by the opposite angle, itself differentiable. */
function rotation(x: tf.Tensor4D, cos: tf.Tensor4D, sin: tf.Tensor4D, layout: RopeLayout, inverse: boolean): tf.Tensor4D {
  const op = tf.customGrad((...args) => {
    const [input, save] = args as [tf.Tensor4D, tf.GradSaveFunc]
    save([cos, sin])
    return {
      value: forward(input, cos, sin, layout, inverse),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        rotation(dy as tf.Tensor4D, saved[0] as tf.Tensor4D, saved[1] as tf.Tensor4D, layout, !inverse),
    }
  })
  return op(x) as tf.Tensor4D
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
  return rotation(x, cos, sin, layout, false)
}
