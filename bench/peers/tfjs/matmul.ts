import * as tf from '@tensorflow/tfjs'
import { noise } from '../../inputs.ts'
import type { Prepared } from '../../serve-peer.ts'
import { meanSize } from '../mean-size.ts'

export interface MatMulInput {
  /** Shapes as stored, so transposed where `transposeA`, `transposeB` say so. */
  readonly a: readonly number[]
  readonly b: readonly number[]
  readonly transposeA: boolean
  readonly transposeB: boolean
}

export function prepareMatMul({ a, b, transposeA, transposeB }: MatMulInput): Prepared {
  const input = (shape: readonly number[], seed: number) => tf.tensor(noise(tf.util.sizeFromShape([...shape]), seed), [...shape])
  const [left, right] = [input(a, 0), input(b, 1)]
  const checks: number[] = []
  const run = () => {
    const began = performance.now()
    const product = tf.matMul(left, right, transposeA, transposeB)
    const milliseconds = performance.now() - began
    if (checks.length === 0) checks.push(meanSize(product.dataSync()))
    product.dispose()
    return { '': milliseconds }
  }
  return { run, check: () => checks, dispose: () => tf.dispose([left, right]) }
}
