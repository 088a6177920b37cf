import * as tf from '@tensorflow/tfjs-core'
import { registerTrainingKernels } from 'llama-kernels-tfjs'
import { beforeAll, expect, test } from 'vitest'
import { additionRnn, fitLosses, textClassifier } from '../../../test/support/layers-models.ts'
import { startWasm } from './support.ts'

beforeAll(startWasm)

/** The kernels that tfjs ran while `fit` did. */
async function kernelsOf(fit: () => Promise<number[]>) {
  const { kernelNames } = await tf.profile(async () => {
    await fit()
    return []
  })
  return kernelNames
}

test('model.fit of somebody else’s recurrent network: the losses are those of the cpu backend', async () => {
  const fit = () => fitLosses(additionRnn({ units: 16, batchSize: 48 }), 4)
  await tf.setBackend('cpu')
  const expected = await fit()
  await tf.setBackend('wasm')
  const kernels = registerTrainingKernels({ threads: 2 })
  const before = tf.memory().numTensors
  const losses = await fit()
  expect(tf.memory().numTensors).toBe(before)
  // 12 steps of Adam, which divides each gradient by its own size: roundings of 6e-8 grow to a few 1e-6
  for (const [epoch, loss] of losses.entries()) expect(Math.abs(loss - expected[epoch]!)).toBeLessThan(2e-5)
  expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.02)
  expect(await kernelsOf(fit)).toEqual(expect.arrayContaining(['BatchMatMul', '_FusedMatMul']))
  kernels.unregister()
})

test('model.fit of an embedding: the kernel of its gradient, which stock tfjs-wasm lacks, is there', async () => {
  const fit = () => fitLosses(textClassifier({ words: 50, units: 8, batchSize: 48 }), 4)
  await tf.setBackend('cpu')
  const expected = await fit()
  await tf.setBackend('wasm')
  expect(tf.getKernel('UnsortedSegmentSum', 'wasm')).toBeUndefined()
  const kernels = registerTrainingKernels({ threads: 1 })
  const losses = await fit()
  for (const [epoch, loss] of losses.entries()) expect(Math.abs(loss - expected[epoch]!)).toBeLessThan(2e-5)
  expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.02)
  kernels.unregister()
})
