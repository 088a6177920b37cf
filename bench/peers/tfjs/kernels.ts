import * as tf from '@tensorflow/tfjs'
import { adamwStep, linearCrossEntropy, rmsNorm, swiGlu } from 'llama-kernels-tfjs'
import { noise } from '../../inputs.ts'
import type { Prepared } from '../../serve-peer.ts'
import { meanSize } from '../mean-size.ts'

export interface KernelInput {
  readonly op: 'rmsNorm' | 'swiGlu' | 'linearCrossEntropy' | 'adamwStep'
  /** Of the first operand. */
  readonly shape: readonly [rows: number, columns: number]
  /** Rows of the output layer. */
  readonly vocabulary?: number
}

/** A memory-bound piece of a Llama step with its gradients; it composes itself of tfjs ops where its kernel is not registered. */
export function prepareKernel({ op, shape, vocabulary = 0 }: KernelInput): Prepared {
  const input = (rows: number, columns: number, seed: number): tf.Tensor2D => tf.tensor2d(noise(rows * columns, seed), [rows, columns])
  const [N, C] = shape
  const x = input(N, C, 0)
  const y = op === 'linearCrossEntropy' ? input(vocabulary, C, 1) : input(N, C, 1)
  const [scale, weights] = [tf.ones<tf.Rank.R1>([C]), tf.ones<tf.Rank.R1>([N])]
  const targets = tf.tensor1d(
    Int32Array.from({ length: N }, (_, i) => (i * 7919) % Math.max(1, vocabulary)),
    'int32',
  )
  const moment2: tf.Tensor2D = tf.abs(y)
  const compute: Readonly<Record<KernelInput['op'], () => tf.Tensor[]>> = {
    rmsNorm: () => tf.grads((a, b) => rmsNorm(a!, tf.reshape(b!, [C])))([x, scale], y),
    swiGlu: () => tf.grads((a, b) => swiGlu(a!, b!))([x, y], x),
    linearCrossEntropy: () =>
      tf.grads((a, b) => linearCrossEntropy(tf.reshape(a!, [N, C]), tf.reshape(b!, [vocabulary, C]), targets, weights))([x, y]),
    adamwStep: () => Object.values(adamwStep({ param: x, grad: y, moment1: x, moment2 }, { learningRate: 1e-3, step: 10 })),
  }
  const check: number[] = []
  const run = () => {
    const began = performance.now()
    const results = tf.tidy(compute[op])
    const milliseconds = performance.now() - began
    if (check.length === 0) check.push(...results.map((result) => meanSize(result.dataSync())))
    tf.dispose(results)
    return { '': milliseconds }
  }
  return { run, check: () => check, dispose: () => tf.dispose([x, y, scale, weights, targets, moment2]) }
}
