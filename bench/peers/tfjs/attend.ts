import * as tf from '@tensorflow/tfjs'
import { flashAttention } from 'flash-attn-tfjs'

type Attend = (query: tf.Tensor4D, key: tf.Tensor4D, value: tf.Tensor4D) => tf.Tensor4D
interface Shape {
  readonly T: number
  readonly H: number
  readonly D: number
}
/** A way to write causal attention; `make` does once what a model would do once. */
export interface Attention {
  readonly layout: 'BTHD' | 'BHTD'
  readonly make: (shape: Shape) => { readonly attend: Attend; readonly dispose: () => void }
}

export const flash: Attention = {
  layout: 'BTHD',
  make: () => ({ attend: (q, k, v) => flashAttention(q, k, v, { causal: true }), dispose: () => {} }),
}

/** As the textbook and every tfjs user write it: all scores at once. */
export const naive: Attention = {
  layout: 'BHTD',
  make({ T, D }) {
    const mask = causalMask(T)
    const attend: Attend = (q, k, v) => {
      const scores = tf.add(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(D)), mask)
      return tf.matMul(tf.softmax(scores) as tf.Tensor4D, v)
    }
    return { attend, dispose: () => mask.dispose() }
  },
}

/**
 * The strongest that tfjs-wasm's own ops allow: one head at a time, products of rank 2 and not transposed, the only ones its fast
 * path takes, and a backward pass written by hand.
 */
export const bestWritten: Attention = {
  layout: 'BHTD',
  make({ T, H, D }) {
    const mask = causalMask(T)
    const head = (x: tf.Tensor, h: number): tf.Tensor2D => tf.reshape(tf.slice(x, [0, h, 0, 0], [1, 1, T, D]), [T, D])
    const join = (parts: tf.Tensor[]): tf.Tensor4D => tf.reshape(tf.stack(parts), [1, H, T, D])
    const heads = <Result extends tf.TensorContainer>(body: (h: number) => Result) =>
      Array.from({ length: H }, (_, h) => tf.tidy(() => body(h)))
    const scale = 1 / Math.sqrt(D)
    const attend = tf.customGrad((...args) => {
      const [q, k, v, save] = args as unknown as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc]
      const weights = heads((h): tf.Tensor2D => {
        const scores = tf.mul(tf.matMul(head(q, h), tf.transpose(head(k, h))), scale)
        const masked: tf.Tensor2D = tf.add(scores, mask)
        return tf.softmax(masked)
      })
      const out = join(heads((h) => tf.matMul(weights[h]!, head(v, h))))
      save([q, k, v, out, ...weights])
      const gradFunc = (dOut: tf.Tensor, saved: tf.Tensor[]) => {
        const [q, k, v, out, ...weights] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, ...tf.Tensor2D[]]
        const parts = heads((h) => {
          const [weight, d] = [weights[h]!, head(dOut, h)]
          const delta = tf.sum(tf.mul(d, head(out, h)), 1, true)
          const dScores: tf.Tensor2D = tf.mul(tf.mul(weight, tf.sub(tf.matMul(d, tf.transpose(head(v, h))), delta)), scale)
          return [tf.matMul(dScores, head(k, h)), tf.matMul(tf.transpose(dScores), head(q, h)), tf.matMul(tf.transpose(weight), d)]
        })
        return [0, 1, 2].map((i) => join(parts.map((part) => part[i]!)))
      }
      return { value: out, gradFunc }
    }) as unknown as Attend
    return { attend, dispose: () => mask.dispose() }
  },
}

function causalMask(T: number): tf.Tensor2D {
  const mask = new Float32Array(T * T)
  for (let i = 0; i < T; i++) mask.fill(-1e9, i * T + i + 1, (i + 1) * T)
  return tf.tensor2d(mask, [T, T])
}
