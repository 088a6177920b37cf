import * as tf from '@tensorflow/tfjs'
import { noise } from '../../inputs.ts'
import type { Parts } from '../../row.ts'
import type { Prepared } from '../../serve-peer.ts'
import { meanSize } from '../mean-size.ts'
import type { Attention } from './attend.ts'

export interface AttentionInput {
  readonly T: number
  readonly H: number
  readonly D: number
}

/** Causal self-attention forward and backward: `dOut` is given, so nothing else is computed. */
export function prepareAttention({ layout, make }: Attention, { T, H, D }: AttentionInput): Prepared {
  const input = (seed: number, scale = 1): tf.Tensor4D => {
    const x = tf.tensor4d(noise(T * H * D, seed, scale), [1, T, H, D])
    if (layout === 'BTHD') return x
    const transposed = tf.transpose(x, [0, 2, 1, 3])
    x.dispose()
    return transposed
  }
  const inputs = [input(0, 2), input(1, 2), input(2)] as const
  const dOut = input(3)
  const { attend, dispose } = make({ T, H, D })
  const checks: number[] = []

  /** One pass; tfjs computes at once, so the forward part ends where `attend` returns. */
  const run = (): Parts => {
    const first = checks.length === 0
    let forwardEnd = 0
    const began = performance.now()
    const gradients = tf.grads((...qkv) => {
      const out = attend(...(qkv as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D]))
      forwardEnd = performance.now()
      if (first) checks.push(meanSize(out.dataSync()))
      return out
    })([...inputs], dOut)
    const end = performance.now()
    if (first) checks.push(...gradients.map((gradient) => meanSize(gradient.dataSync())))
    tf.dispose(gradients)
    return { forward: forwardEnd - began, backward: end - forwardEnd, 'forward + backward': end - began }
  }
  /** A GPU computes later: both passes are waited for, and the backward part is what is left of the second. */
  const runQueued = async (): Promise<Parts> => {
    const began = performance.now()
    const out = attend(...inputs)
    await firstNumber(out)
    const forwardEnd = performance.now()
    const gradients = tf.grads((...qkv) => attend(...(qkv as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D])))([...inputs], dOut)
    await firstNumber(gradients[0]!)
    const [forward, both] = [forwardEnd - began, performance.now() - forwardEnd]
    if (checks.length === 0) for (const tensor of [out, ...gradients]) checks.push(meanSize(await tensor.data()))
    tf.dispose([out, gradients])
    return { forward, backward: both - forward, 'forward + backward': both }
  }
  return {
    run: tf.getBackend() === 'webgpu' ? runQueued : () => tf.tidy(run),
    check: () => checks,
    dispose: () => {
      dispose()
      tf.dispose([...inputs, dOut])
    },
  }
}

async function firstNumber(x: tf.Tensor): Promise<void> {
  const first = tf.tidy(() => tf.slice(tf.reshape(x, [-1]), 0, 1))
  await first.data()
  first.dispose()
}
