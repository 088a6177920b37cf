import * as tf from '@tensorflow/tfjs'
import { flashAttention } from 'flash-attn-tfjs'
import { adamwStep, linearCrossEntropy, rmsNorm } from 'llama-kernels-tfjs'

export interface Trained {
  readonly backend: string
  readonly threads: number
  readonly losses: readonly number[]
  /** What tfjs's cpu backend gives. */
  readonly expected: readonly number[]
  /** Kernels that ran. */
  readonly kernels: readonly string[]
}

/** Trains on the cpu backend, then on the one that `start` makes the current one. */
export async function train(start: () => Promise<{ readonly threads: number }>): Promise<Trained> {
  await tf.setBackend('cpu')
  const expected = await threeLosses()
  const { threads } = await start()
  let losses: number[] = []
  const { kernelNames } = await tf.profile(async () => {
    losses = await threeLosses()
  })
  return { backend: tf.getBackend(), threads, losses, expected, kernels: kernelNames }
}

/** Losses of three training steps of one attention layer with a head, on the current backend. */
async function threeLosses(): Promise<number[]> {
  const normal = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed)
  const tokens: tf.Tensor4D = tf.reshape(normal([64, 16], 1), [1, 64, 2, 8])
  const targets = tf.tensor1d(Int32Array.from({ length: 64 }, (_, i) => (7 * i) % 24))
  const rows: tf.Tensor1D = tf.ones([64])
  const loss = (weight: tf.Tensor) => {
    const query: tf.Tensor4D = tf.reshape(tf.matMul(tf.reshape(tokens, [64, 16]), tf.slice(weight, [0, 0], [16, 16])), [1, 64, 2, 8])
    const hidden: tf.Tensor2D = tf.reshape(flashAttention(query, tokens, tokens, { causal: true }), [64, 16])
    return linearCrossEntropy(rmsNorm(hidden, tf.ones([16])), tf.slice2d(weight as tf.Tensor2D, [0, 0], [24, 16]), targets, rows)
  }
  let state = { param: normal([24, 16], 2), moment1: tf.zeros([24, 16]), moment2: tf.zeros([24, 16]) }
  const losses: number[] = []
  for (let step = 1; step <= 3; step++) {
    const { value, grad } = tf.valueAndGrad(loss)(state.param)
    losses.push((await value.data())[0]!)
    state = adamwStep({ ...state, grad }, { learningRate: 0.1, step })
  }
  return losses
}
