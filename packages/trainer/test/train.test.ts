import * as tf from '@tensorflow/tfjs-core'
import { adamw, type Params, train } from 'trainer'
import { describe, expect, it } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { collect, type Example, examples, makeParams, meanSquare, settings, valuesOf } from './support.ts'

/** `count` examples of `size` rows each, the same rows whatever the cut. */
const cutBatches = (sizes: readonly number[], total: number): Example[] =>
  tf.tidy(() => {
    const [whole] = examples(total)
    let at = 0
    return sizes.map((size) => {
      const from = at
      at += size
      return { x: tf.slice(whole!.x, [from, 0], [size, 4]), y: tf.slice(whole!.y, [from, 0], [size, 2]) }
    })
  })

describe('train', () => {
  it('finds the line through exact points', async () => {
    const params: Params = { slope: tf.zeros([1, 1]), offset: tf.zeros([1]) }
    const batch = { x: tf.tensor2d([-1, 0, 1, 2], [4, 1]), y: tf.tensor2d([-5, -2, 1, 4], [4, 1]) } // y = 3x − 2
    const loss = (p: Params, { x, y }: Example) => tf.mean(tf.square(tf.sub(tf.add(tf.matMul(x, p.slope as tf.Tensor2D), p.offset!), y)))
    const batches = Array.from({ length: 400 }, () => batch)
    const options = { params, loss, batches, totalSteps: 400, disposeBatches: false, clipNorm: Number.POSITIVE_INFINITY }
    const reports = await collect(train({ ...options, learningRate: (s) => 0.1 * (1 - s / 400), optimizer: adamw({ weightDecay: 0 }) }))
    expect(reports).toHaveLength(400)
    expect(reports.at(-1)!.loss).toBeLessThan(1e-6)
    // the step size decays to 0.1/400 and the minimum is quadratic: 1e-3 is ten times what is left
    expectClose([params.slope!.dataSync()[0]!, params.offset!.dataSync()[0]!], [3, -2], { atol: 1e-3 })
    tf.dispose([params, batch])
  })

  it('reports steps from 1, calls the schedule from 0, never reads ahead, closes the stream', async () => {
    const params = makeParams()
    const asked: number[] = []
    let [pulled, closed] = [0, false]
    async function* counted() {
      try {
        for (const batch of examples()) {
          pulled++
          yield batch
        }
      } finally {
        closed = true
      }
    }
    const learningRate = (step: number) => {
      asked.push(step)
      return 0.01
    }
    const steps: number[] = []
    for await (const { step } of train(settings(params, { batches: counted(), learningRate, totalSteps: 4, gradientAccumulation: 3 }))) {
      steps.push(step)
      expect(pulled).toBe(3 * step)
    }
    expect([steps, asked, closed]).toEqual([[1, 2, 3, 4], [0, 1, 2, 3], true])
    tf.dispose(params)
  })

  it.each([
    ['numbers', ({ x }: Example) => x.shape[0]],
    ['scalars', ({ x }: Example) => tf.scalar(x.shape[0], 'int32')],
  ] as const)('micro-batches weighted by tokens (%s) equal the big batch', (_, tokens) =>
    expectNoLeaks(async () => {
      const [big, small] = [makeParams(), makeParams()]
      const base = { totalSteps: 1, tokens, clipNorm: 0.5, learningRate: () => 0.01 }
      const [one] = await collect(train(settings(big, { ...base, batches: cutBatches([12], 12) })))
      const [three] = await collect(train(settings(small, { ...base, batches: cutBatches([7, 1, 4], 12), gradientAccumulation: 3 })))
      // sums of twelve float32 terms in another order
      expectClose([three!.loss, three!.gradientNorm, three!.tokens], [one!.loss, one!.gradientNorm, 12], { rtol: 1e-6 })
      const [expected, actual] = [valuesOf(big), valuesOf(small)]
      for (const name of Object.keys(expected)) expectClose(actual[name]!, expected[name]!, { rtol: 1e-5, atol: 1e-6 })
      return [big, small]
    }),
  )

  it('unequal micro-batches without tokens weigh the same, which is another loss', async () => {
    const params = makeParams()
    const [big, small] = cutBatches([11, 1], 12)
    const apart = [big!, small!].map((batch) => tf.tidy(() => meanSquare(params, batch).dataSync()[0]!))
    const [report] = await collect(train(settings(params, { totalSteps: 1, batches: [big!, small!], gradientAccumulation: 2 })))
    expectClose([report!.loss], [(apart[0]! + apart[1]!) / 2], { rtol: 1e-6 })
    tf.dispose(params)
  })

  it('keeps the number of tensors constant over 50 steps and frees all of its own', () =>
    expectNoLeaks(async () => {
      const params = makeParams()
      const counts: number[] = []
      for await (const _ of train(settings(params, { totalSteps: 50, gradientAccumulation: 2, tokens: () => tf.scalar(3) })))
        counts.push(tf.memory().numTensors)
      expect(new Set(counts).size).toBe(1)
      expect(counts).toHaveLength(50)
      return params
    }))

  it('frees all of its own when the consumer breaks or throws', () =>
    expectNoLeaks(async () => {
      const params = makeParams()
      for await (const { step } of train(settings(params))) if (step === 2) break
      const failing = async () => {
        for await (const _ of train(settings(params))) throw new Error('the consumer failed')
      }
      await expect(failing()).rejects.toThrow('the consumer failed')
      expect(valuesOf(params)['in.bias']!.every(Number.isFinite)).toBe(true) // still live
      return params
    }))

  it('leaves batches alone when told to', () =>
    expectNoLeaks(async () => {
      const params = makeParams()
      const [batch] = examples()
      await collect(train(settings(params, { batches: [batch!, batch!], totalSteps: 2, disposeBatches: false })))
      expect(batch!.x.isDisposed).toBe(false)
      return [params, batch!.x, batch!.y]
    }))

  it('gives the event loop a turn at every step, so that a signal can stop it', () =>
    expectNoLeaks(async () => {
      const params = makeParams()
      const controller = new AbortController()
      setTimeout(() => controller.abort(), 20)
      const endless = collect(train(settings(params, { totalSteps: 1e6, signal: controller.signal })))
      await expect(endless).rejects.toThrow('This operation was aborted')
      return params
    }))

  it('does not depend on the order of the parameter record, so that a checkpoint may have another', async () => {
    // squared gradients over sixty powers of two: their float64 sum rounds, and in another order rounds differently
    const names = Array.from({ length: 31 }, (_, i) => `p${i}`)
    const loss = (params: Params) => tf.addN(names.map((name, i) => tf.mul(params[name]!, 1.1 * 2 ** -i)))
    const normOf = async (order: string[]) => {
      const params: Params = Object.fromEntries(order.map((name) => [name, tf.scalar(1)]))
      const [report] = await collect(train({ params, loss, batches: [0], learningRate: () => 0.1, totalSteps: 1 }))
      tf.dispose(params)
      return report!.gradientNorm
    }
    expect(await normOf(names.toReversed())).toBe(await normOf(names))
  })
})

describe('faults.nonFinite', () => {
  const poisonedAt = (step: number, poison: (loss: tf.Scalar, params: Params) => tf.Tensor) => {
    let calls = 0
    return (params: Params, batch: Example) => {
      const loss = meanSquare(params, batch)
      return calls++ === step ? poison(loss, params) : loss
    }
  }
  const nanLoss = (loss: tf.Scalar) => tf.mul(loss, Number.NaN)
  // √x at 0 has the value 0 and the slope ∞: the loss is finite, the gradient is not
  const infiniteGradient = (loss: tf.Scalar, params: Params) => tf.add(loss, tf.sum(tf.sqrt(tf.mul(params['in.bias']!, 0))))

  it.each([
    ['a NaN loss', nanLoss, 'train: step 3: the loss is NaN. The parameters are those of step 2. '],
    [
      'an infinite gradient',
      infiniteGradient,
      "train: step 3: the gradient of 'in.bias' (1 of 4 parameters) is not finite. The parameters are those of step 2. ",
    ],
  ])('throws for %s and leaves the parameters as they were', (_, poison, message) =>
    expectNoLeaks(async () => {
      const [params, clean] = [makeParams(), makeParams()]
      const remedy = "Lower the learning rate, look at the batch, or let faults say 'skip' or 'rollback'."
      await expect(collect(train(settings(params, { loss: poisonedAt(2, poison) })))).rejects.toThrow(new RangeError(message + remedy))
      await collect(train(settings(clean, { totalSteps: 2 })))
      expect(valuesOf(params)).toEqual(valuesOf(clean))
      return [params, clean]
    }),
  )

  it.each([
    ['a NaN loss', nanLoss, 'the loss is NaN'],
    ['an infinite gradient', infiniteGradient, "the gradient of 'in.bias' (1 of 4 parameters) is not finite"],
  ])('skips %s when asked, and says so', (_, poison, skipped) =>
    expectNoLeaks(async () => {
      const params = makeParams()
      const snapshots: string[] = [JSON.stringify(valuesOf(params))]
      const reports = []
      for await (const report of train(settings(params, { loss: poisonedAt(2, poison), totalSteps: 4, faults: { nonFinite: 'skip' } }))) {
        reports.push(report)
        snapshots.push(JSON.stringify(valuesOf(params)))
      }
      expect(reports.map((report) => report.skipped)).toEqual([undefined, undefined, skipped, undefined])
      expect(reports.map(({ step }) => step)).toEqual([1, 2, 3, 4])
      expect(reports.map(({ learningRate }) => learningRate)).toEqual([0.02, 0.01, 0.02 / 3, 0.005])
      expect(snapshots.map((snapshot, i) => snapshot === snapshots[i - 1])).toEqual([false, false, false, true, false])
      return params
    }),
  )

  it('refuses a step without loss tokens', async () => {
    const params = makeParams()
    await expect(collect(train(settings(params, { tokens: () => 0 })))).rejects.toThrow('train: step 1: the batch has 0 loss tokens.')
    tf.dispose(params)
  })
})
