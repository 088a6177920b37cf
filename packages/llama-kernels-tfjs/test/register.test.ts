import * as tf from '@tensorflow/tfjs-core'
import { adamwStep, linearCrossEntropy, registerTrainingKernels, rmsNorm, swiGlu } from 'llama-kernels-tfjs'
import { beforeAll, expect, test } from 'vitest'
import { startWasm } from './support.ts'

beforeAll(startWasm)

const names = [
  'BatchMatMul',
  '_FusedMatMul',
  'UnsortedSegmentSum',
  'Identity',
  'RMSNorm',
  'RMSNormGrad',
  'SwiGLU',
  'SwiGLUGrad',
  'RotaryEmbedding',
]
const more = ['LinearCrossEntropy', 'LinearCrossEntropyGrad', 'AdamWStep']

test('unregister puts the stock kernels back', () => {
  const before = [...names, ...more].map((name) => tf.getKernel(name, 'wasm'))
  const kernels = registerTrainingKernels()
  expect(kernels.threads).toBeGreaterThan(0)
  for (const [i, name] of [...names, ...more].entries()) {
    expect(tf.getKernel(name, 'wasm')).toBeDefined()
    expect(tf.getKernel(name, 'wasm')).not.toBe(before[i])
  }
  kernels.unregister()
  kernels.unregister()
  expect([...names, ...more].map((name) => tf.getKernel(name, 'wasm'))).toEqual(before)
  expect(tf.tidy(() => tf.matMul(tf.tensor2d([[2]]), tf.tensor2d([[3]])).dataSync()[0])).toBe(6)
})

test('only registers what it names, and refuses halves', () => {
  const kernels = registerTrainingKernels({ only: ['UnsortedSegmentSum', 'RMSNorm', 'RMSNormGrad'] })
  expect(tf.getKernel('SwiGLU', 'wasm')).toBeUndefined()
  expect(tf.getKernel('RMSNorm', 'wasm')).toBeDefined()
  kernels.unregister()
  expect(() => registerTrainingKernels({ only: ['BatchMatMul'] })).toThrow(/named together, so add '_FusedMatMul'/)
  expect(() => registerTrainingKernels({ only: ['MatMul' as 'SwiGLU'] })).toThrow(/only contains 'MatMul'; choose from BatchMatMul/)
})

test('refuses another backend, a second registration, threads that make no sense', () => {
  tf.setBackend('cpu')
  expect(() => registerTrainingKernels()).toThrow(/the current backend is 'cpu'; import '@tensorflow\/tfjs-backend-wasm'/)
  tf.setBackend('wasm')
  const kernels = registerTrainingKernels()
  expect(() => registerTrainingKernels()).toThrow(/call unregister\(\)/)
  kernels.unregister()
  for (const threads of [0, 1.5, -2]) expect(() => registerTrainingKernels({ threads })).toThrow(RangeError)
})

test('wrong shapes and targets are refused with their values', () => {
  const kernels = registerTrainingKernels()
  tf.tidy(() => {
    const h = tf.ones<tf.Rank.R2>([3, 4])
    const w = tf.ones<tf.Rank.R2>([5, 4])
    expect(() => rmsNorm(h, tf.ones([3]))).toThrow(/weight has shape \[3\]; it must be \[4\]/)
    expect(() => rmsNorm(h, tf.ones([4]), 0)).toThrow(/epsilon is 0/)
    expect(() => swiGlu(h, tf.ones([4, 3]))).toThrow(/\[3,4\] and up \[4,3\]/)
    expect(() => linearCrossEntropy(h, w, tf.tensor1d([0, 1], 'int32'), tf.ones([3]))).toThrow(/targets \[2\]/)
    expect(() => linearCrossEntropy(h, w, tf.tensor1d([0, 1, 5], 'int32'), tf.ones([3]))).toThrow(
      /target 2 is 5; targets must be below V = 5/,
    )
    expect(() => linearCrossEntropy(h, w, tf.tensor1d([0, -1, 2], 'int32'), tf.ones([3]))).toThrow(/target 1 is -1/)
    const moments = { moment1: h, moment2: h }
    expect(() => adamwStep({ param: h, grad: w, ...moments }, { learningRate: 1, step: 1 })).toThrow(/grad has shape \[5,4\]/)
    expect(() => adamwStep({ param: h, grad: h, ...moments }, { learningRate: 1, step: 0 })).toThrow(/step is 0/)
    const inputs = { x: h, weight: tf.ones([3]) }
    expect(() => tf.engine().runKernel('RMSNorm', inputs, { epsilon: 1 })).toThrow(/RMSNorm: weight has shape \[3\]; it must be \[4\]/)
  })
  kernels.unregister()
})
