import * as tf from '@tensorflow/tfjs-core'
import { expect } from 'vitest'

/**
 * Runs `body` and asserts that the number of live tensors is unchanged afterwards.
 * Tensors that `body` returns are disposed here.
 */
export async function expectNoLeaks(body: () => unknown): Promise<void> {
  const before = tf.memory().numTensors
  const result = await body()
  tf.dispose(result as tf.TensorContainer)
  expect(tf.memory().numTensors, 'live tensors after the call').toBe(before)
}
