import * as tf from '@tensorflow/tfjs'
import { attention, flashAttention } from 'flash-attn-tfjs'
import { adamwStep, linearCrossEntropy, rmsNorm, swiGlu } from 'llama-kernels-tfjs'

export interface StepShape {
  readonly batch: number
  readonly length: number
  readonly channels: number
  readonly layers: number
  readonly heads: number
  readonly mlp: number
  readonly vocabulary: number
}

/**
 * One training step (loss, gradients, AdamW) of a small Llama with random weights, as tfjs users write it ('composed': attention
 * and logits in full, composed norms) or with the ops of this repository ('fused'). Returns a function that runs one step.
 */
export function llamaStep(shape: StepShape, kind: 'composed' | 'fused'): { step: () => number; dispose: () => void } {
  const { batch: B, length: T, channels: C, layers, heads: H, mlp: F, vocabulary: V } = shape
  const draw = (rows: number, columns: number, seed: number) => tf.randomNormal([rows, columns], 0, 0.02, 'float32', seed)
  const block = (l: number) => [
    tf.ones([C]),
    tf.ones([C]),
    ...[0, 1, 2, 3].map((i) => draw(C, C, 10 * l + i + 3)),
    draw(F, C, 10 * l + 7),
    draw(F, C, 10 * l + 8),
    draw(C, F, 10 * l + 9),
  ]
  let params: tf.Tensor[] = [draw(V, C, 1), draw(V, C, 2), tf.ones([C]), ...Array.from({ length: layers }, (_, l) => block(l)).flat()]
  let moments = params.map((param) => ({ moment1: tf.zerosLike(param), moment2: tf.zerosLike(param) }))
  const ids = tf.tensor1d(
    Int32Array.from({ length: B * T }, (_, i) => (i * 7919) % V),
    'int32',
  )
  const targets = tf.tensor1d(
    Int32Array.from({ length: B * T }, (_, i) => ((i + 1) * 7919) % V),
    'int32',
  )
  const weights = tf.ones<tf.Rank.R1>([B * T])

  const linear = (x: tf.Tensor, w: tf.Tensor) => tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D, false, true)
  const norm = (x: tf.Tensor, w: tf.Tensor) =>
    kind === 'fused' ? rmsNorm(x, w as tf.Tensor1D) : tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), 1e-5))), w)
  const gated = (g: tf.Tensor, u: tf.Tensor) => (kind === 'fused' ? swiGlu(g, u) : tf.mul(tf.mul(g, tf.sigmoid(g)), u))
  const split = (x: tf.Tensor): tf.Tensor4D => tf.reshape(x, [B, T, H, C / H])
  const attend = kind === 'fused' ? flashAttention : attention
  const crossEntropy = (h: tf.Tensor, w: tf.Tensor): tf.Scalar =>
    kind === 'fused'
      ? linearCrossEntropy(h as tf.Tensor2D, w as tf.Tensor2D, targets, weights)
      : tf.losses.softmaxCrossEntropy(tf.oneHot(targets, V), linear(h, w))

  const loss = (...[embedding, head, last, ...rest]: tf.Tensor[]): tf.Scalar => {
    let x: tf.Tensor = tf.gather(embedding!, ids)
    for (let l = 0; l < layers; l++) {
      const [n1, n2, wq, wk, wv, wo, wg, wu, wd] = rest.slice(9 * l, 9 * l + 9) as tf.Tensor[]
      const h = norm(x, n1!)
      const attended = attend(split(linear(h, wq!)), split(linear(h, wk!)), split(linear(h, wv!)), { causal: true })
      x = tf.add(x, linear(tf.reshape(attended, [B * T, C]), wo!))
      const m = norm(x, n2!)
      x = tf.add(x, linear(gated(linear(m, wg!), linear(m, wu!)), wd!))
    }
    return crossEntropy(norm(x, last!), head!)
  }

  let count = 0
  const step = () => {
    count++
    const { value, grads } = tf.valueAndGrads(loss)(params)
    const next = params.map((param, i) => {
      const { moment1, moment2 } = moments[i]!
      const updated = adamwStep({ param, grad: grads[i]!, moment1, moment2 }, { learningRate: 1e-3, step: count })
      tf.dispose([param, grads[i]!, moment1, moment2])
      return updated
    })
    params = next.map(({ param }) => param)
    moments = next
    const result = value.dataSync()[0]!
    value.dispose()
    return result
  }
  return { step, dispose: () => tf.dispose([params, moments.flatMap(({ moment1, moment2 }) => [moment1, moment2]), ids, targets, weights]) }
}
