import * as tf from '@tensorflow/tfjs-core'
import { type Params, type StepReport, train } from 'trainer'
import { describe, expect, it } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { collect, type Example, examples, makeParams, meanSquare, settings, valuesOf } from './support.ts'

describe('train', () => {
  it('finds the line through exact points', async () => {
    const params: Params = { slope: tf.zeros([1, 1]), offset: tf.zeros([1]) }
    const batch = { x: tf.tensor2d([-1, 0, 1, 2], [4, 1]), y: tf.tensor2d([-5, -2, 1, 4], [4, 1]) } // y = 3x − 2
    const loss = (p: Params, { x, y }: Example) =>
      tf.mean(tf.square(tf.sub(tf.add(tf.matMul(x, p.slope as tf.Tensor2D), p.offset!), y))) as tf.Scalar
    const batches = Array.from({ length: 400 }, () => batch)
    const options = { params, loss, batches, totalSteps: 400, disposeBatches: false, clipNorm: Number.POSITIVE_INFINITY }
    const { adamw } = await import('trainer')
    const reports = await collect(train({ ...options, learningRate: (s) => 0.1 * (1 - s / 400), optimizer: adamw({ weightDecay: 0 }) }))
    expect(reports).toHaveLength(400)
    expect(reports.at(-1)!.loss).toBeLessThan(1e-6)
    // the step size decays to 0.1/400, the minimum is quadratic: 1e-3 is ten times what is left
    expectClose([params.slope!.dataSync()[0]!, params.offset!.dataSync()[0]!], [3, -2], { atol: 1e-3 })
    tf.dispose([params, batch])
  })

  it('reports steps from 1, calls the schedule from 0, never reads ahead', async () => {
    const params = makeParams()
    const asked: number[] = []
    let pulled = 0
    function* counted() {
      for (const batch of examples()) {
        pulled++
        yield batch
      }
    }
    const steps: number[] = []
    const learningRate = (step: number) => {
      asked.push(step)
      return 0.01
    }
    for await (const { step } of train(settings(params, { batches: counted(), learningRate, totalSteps: 4, gradientAccumulation: 3 }))) {
      steps.push(step)
      expect(pulled).toBe(3 * step)
    }
    expect(steps).toEqual([1, 2, 3, 4])
    expect(asked).toEqual([0, 1, 2, 3])
    tf.dispose(params)
  })
})
void meanSquare
void valuesOf
void expectNoLeaks
type _ = StepReport
