import * as tf from '@tensorflow/tfjs-core'
import { type Params, type TrainOptions, train } from 'trainer'
import { describe, expect, it } from 'vitest'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { collect, type Example, examples, makeParams, meanSquare, settings } from './support.ts'

type Options = Partial<TrainOptions<Example>>

describe('options are checked before anything is done', () => {
  it.each<[string, Options, string]>([
    ['no parameters', { params: {} }, 'train: params is empty; pass at least one named tensor.'],
    ['totalSteps 0', { totalSteps: 0 }, 'train: totalSteps is 0; it must be a whole number ≥ 1.'],
    ['half a step', { totalSteps: 2.5 }, 'train: totalSteps is 2.5; it must be a whole number ≥ 1.'],
    ['gradientAccumulation 0', { gradientAccumulation: 0 }, 'train: gradientAccumulation is 0; it must be a whole number ≥ 1.'],
    ['clipNorm 0', { clipNorm: 0 }, 'train: clipNorm is 0; it must be > 0. For no clipping pass Infinity.'],
    ['clipNorm NaN', { clipNorm: Number.NaN }, 'train: clipNorm is NaN; it must be > 0. For no clipping pass Infinity.'],
    ['no loss', { loss: undefined as never }, 'train: loss is undefined; it must be a function.'],
    ['a fixed rate', { learningRate: 0.1 as never }, 'train: learningRate is 0.1; it must be a function.'],
    ['batches that are no iterable', { batches: 3 as never }, 'it must be an iterable or async iterable'],
    [
      'an unknown reaction',
      { faults: { nonFinite: 'ignore' as never } },
      "train: faults.nonFinite is 'ignore'; choose 'throw' or 'skip' or 'rollback'.",
    ],
    ['every 0', { checkpoint: { dir: 'x', every: 0 } }, 'train: checkpoint.every is 0; it must be a whole number ≥ 1.'],
    ['keepLast 0', { checkpoint: { dir: 'x', every: 1, keepLast: 0 } }, 'train: checkpoint.keepLast is 0; it must be a whole number ≥ 1.'],
    ['no folder', { checkpoint: { dir: '', every: 1 } }, "train: checkpoint.dir is ''; name a folder."],
  ])('%s', (_, options, message) => {
    const params = makeParams()
    expect(() => train(settings(params, options))).toThrow(message)
    tf.dispose(params)
  })

  it('parameters that are no live float32 tensors', () => {
    const refuses = (param: unknown, message: string) => {
      expect(() => train(settings({ w: param as tf.Tensor }))).toThrow(message)
      tf.dispose(param as tf.Tensor)
    }
    refuses([1, 2], "train: params['w'] is no tensor but 1,2.")
    refuses(tf.tensor1d([1], 'int32'), "train: params['w'] is int32; parameters must be float32.")
    const disposed = tf.tensor1d([1])
    disposed.dispose()
    refuses(disposed, "train: params['w'] is already disposed.")
  })
})

describe('errors of a step name the step and the remedy, and free everything', () => {
  const wrongShape = tf.customGrad((x) => ({ value: tf.sum(x as tf.Tensor), gradFunc: () => tf.zeros([3]) }))
  it.each<[string, Options, string]>([
    [
      'batches that end',
      { batches: take(5), gradientAccumulation: 2 },
      'train: step 3, micro-batch 2 of 2: batches ended after 2 of 8 steps. To go on, repeat the data, or set totalSteps: 2.',
    ],
    [
      'no batches at all',
      { batches: [] },
      'train: step 1: batches ended after 0 of 8 steps. To go on, check that the data is not empty and was not used up before.',
    ],
    ['a rate that is NaN', { learningRate: (step) => (step === 2 ? Number.NaN : 0.1) }, 'train: learningRate(2) is NaN; it must be'],
    [
      'a negative rate',
      { learningRate: () => -0.1 },
      'train: learningRate(0) is -0.1; it must be a finite number ≥ 0. Steps count from 0.',
    ],
    [
      'an unused parameter',
      { loss: (params) => tf.sum(params['in.bias']!) },
      "train: step 1: no gradient for 'in.weight', 'norm.weight', 'out.weight' (3 of 4): the loss does not depend on it. Every parameter",
    ],
    ['a constant loss', { loss: () => tf.scalar(1) }, 'train: step 1: no gradient for '],
    [
      'a loss per example',
      { loss: (params, { x }) => tf.matMul(x, params['in.weight'] as tf.Tensor2D) },
      'train: step 1: loss returned a float32 tensor of shape [5,6]; it must return one float32 scalar, synchronously. Average it',
    ],
    ['an async loss', { loss: (async () => tf.scalar(1)) as never }, 'train: step 1: loss returned a promise;'],
    ['a loss that throws', { loss: fails, gradientAccumulation: 2 }, 'train: step 1, micro-batch 1 of 2: out of heap'],
    [
      'a gradient of the wrong shape',
      { loss: (params, batch) => tf.add(meanSquare(params, batch), wrongShape(params['in.bias']!)) },
      'train: step 1: ',
    ],
    [
      'a batch used twice',
      { batches: twice() },
      'train: step 2: the batch holds disposed tensors. To use a batch again pass disposeBatches',
    ],
    ['tokens that are NaN', { tokens: () => Number.NaN }, 'train: step 1: tokens(batch) returned NaN; it must be a finite number ≥ 0.'],
    ['tokens per row', { tokens: ({ x }) => x as never }, 'train: step 1: tokens(batch) returned shape [5,4]; it must be one number.'],
  ])('%s', (_, options, message) =>
    expectNoLeaks(async () => {
      const params = makeParams()
      await expect(collect(train(settings(params, options)))).rejects.toThrow(message)
      return params
    }),
  )

  it('an optimizer that throws half way', () =>
    expectNoLeaks(async () => {
      const params = makeParams()
      const update = (): never => {
        throw new Error('heap full')
      }
      const optimizer = { name: 'broken', settings: {}, init: () => ({ state: tf.zeros([2]) }), update }
      await expect(collect(train(settings(params, { optimizer })))).rejects.toThrow('heap full')
      return params
    }))

  it('a stream that throws keeps its own error, even if closing fails as well', async () => {
    const params = makeParams()
    const broken: Iterable<Example> = {
      [Symbol.iterator]: () => ({
        next: () => {
          throw new Error('file vanished')
        },
        return: () => {
          throw new Error('closing failed')
        },
      }),
    }
    await expect(collect(train(settings(params, { batches: broken })))).rejects.toThrow('file vanished')
    tf.dispose(params)
  })
})

describe('odd but legal losses', () => {
  it('a parameter that is the loss, and two parameters that share a gradient tensor', () =>
    expectNoLeaks(async () => {
      const both: Params = { a: tf.scalar(2), b: tf.scalar(3) }
      const shared = tf.customGrad((a, b) => ({ value: tf.add(a as tf.Tensor, b as tf.Tensor), gradFunc: (dy) => [dy, dy] as never }))
      const single: Params = { a: tf.scalar(2) }
      const common = { batches: [1, 2, 3, 4], totalSteps: 2, learningRate: () => 0.1, gradientAccumulation: 2, tokens: () => 2 }
      await collect(train({ ...common, params: single, loss: (p) => p.a! }))
      await collect(train({ ...common, params: both, loss: (p) => shared(p.a!, p.b!) }))
      expect(single.a!.dataSync()[0]).toBeCloseTo(1.8, 5) // Adam moves by the learning rate when the gradient is constant
      expect([both.a!.dataSync()[0], both.b!.dataSync()[0]].map((value) => value!.toFixed(4))).toEqual(['1.8000', '2.8000'])
      return [both, single]
    }))
})

function* take(count: number): Generator<Example> {
  for (const batch of examples()) {
    yield batch
    if (--count === 0) return
  }
}

function* twice(): Generator<Example> {
  const [batch] = take(1)
  yield batch!
  yield batch!
}

function fails(params: Params): never {
  tf.square(params['in.weight']!) // saved for the backward pass that never comes
  throw new Error('out of heap')
}
