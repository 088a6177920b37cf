import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { type FaultOptions, gradientNoiseScale, latestCheckpoint, type Params, train } from 'trainer'
import { describe, expect, it } from 'vitest'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { collect, type Example, examples, makeParams, meanSquare, numbers, settings, valuesOf, withFolder } from './support.ts'

/** The loss, times `factor` at the given calls, counted from 0. */
const scaledAt = (calls: readonly number[], factor: number) => {
  let count = 0
  return (params: Params, batch: Example) => {
    const loss = meanSquare(params, batch)
    return calls.includes(count++) ? tf.mul(loss, factor) : loss
  }
}

describe('spikes', () => {
  const rule = { reaction: 'skip', window: 10, deviations: 8 } as const

  it.each<[string, FaultOptions, RegExp]>([
    ['of the loss', { lossSpike: rule }, /^the loss is [\d.]+, above [\d.]+ \(median [\d.]+ of 10 updates and 8 deviations\)$/],
    ['of the gradient norm', { normSpike: rule }, /^the gradient norm is [\d.]+, above [\d.]+ \(median [\d.]+ of 10 updates/],
  ])('%s are skipped and told, and do not enter the statistics', (_, faults, reason) =>
    expectNoLeaks(async () => {
      const params = makeParams()
      const snapshots: string[] = []
      const reports = []
      const options = settings(params, { loss: scaledAt([20, 21, 22], 50), totalSteps: 30, faults, learningRate: () => 1e-3 })
      for await (const report of train(options)) {
        reports.push(report)
        snapshots.push(JSON.stringify(valuesOf(params)))
      }
      const skipped = reports.filter((report) => report.skipped !== undefined)
      expect(skipped.map(({ step }) => step)).toEqual([21, 22, 23])
      for (const report of skipped) expect(report.skipped).toMatch(reason)
      expect(snapshots[22]).toBe(snapshots[19])
      expect(snapshots[23]).not.toBe(snapshots[22])
      return params
    }),
  )

  it('need half a window of updates first', async () => {
    const params = makeParams()
    const reports = await collect(train(settings(params, { loss: scaledAt([4], 50), faults: { lossSpike: rule } })))
    expect(reports.every(({ skipped }) => skipped === undefined)).toBe(true)
    tf.dispose(params)
  })

  it('throw when told to, with the parameters of the step before', async () => {
    const params = makeParams()
    const faults: FaultOptions = { lossSpike: { reaction: 'throw', window: 4, deviations: 20 } }
    await expect(collect(train(settings(params, { loss: scaledAt([6], 1e3), faults })))).rejects.toThrow(
      /^train: step 7: the loss is .* The parameters are those of step 6\./,
    )
    tf.dispose(params)
  })
})

describe('rollback', () => {
  const options = (dir: string, params: Params, at: readonly number[]) => {
    const batches = examples()
    const checkpoint = { dir, every: 3, data: batches.state }
    return settings(params, { batches, loss: scaledAt(at, Number.NaN), checkpoint, totalSteps: 9, faults: { nonFinite: 'rollback' } })
  }

  it('goes back to the last checkpoint and on with the next batches, as a run that never saw the others', () =>
    expectNoLeaks(async () =>
      withFolder(async (dir) => {
        const params = makeParams()
        const reports = await collect(train(options(dir, params, [5]))) // NaN in step 6
        expect(reports.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 4, 5, 6, 7, 8, 9])
        expect(reports[5]).toMatchObject({ step: 6, rolledBackTo: 3, skipped: 'the loss is NaN' })
        // the same without batches 4 to 6
        const straight = makeParams()
        const all = examples()[Symbol.iterator]()
        function* passing() {
          for (let i = 0; ; i++) {
            const { value } = all.next()
            if (i < 3 || i > 5) yield value
            else tf.dispose(value)
          }
        }
        await collect(train(settings(straight, { batches: passing(), totalSteps: 9 })))
        expect(valuesOf(params)).toEqual(valuesOf(straight))
        return [params, straight]
      }),
    ))

  it('gives up when it does not get past the place', () =>
    withFolder(async (dir) => {
      const params = makeParams()
      const always = Array.from({ length: 99 }, (_, i) => i + 4)
      await expect(collect(train(options(dir, params, always)))).rejects.toThrow(
        'train: step 4: the loss is NaN. The run was rolled back 3 times before it passed step 5. Lower the learning rate',
      )
      tf.dispose(params)
    }))

  it('needs a checkpoint', async () => {
    const params = makeParams()
    expect(() => train(settings(params, { faults: { nonFinite: 'rollback' } }))).toThrow(
      "train: faults.nonFinite is 'rollback', but nothing is saved to go back to; pass checkpoint.",
    )
    await withFolder(async (dir) => {
      await expect(collect(train(options(dir, params, [0])))).rejects.toThrow('There is no checkpoint to roll back to yet.')
    })
    tf.dispose(params)
  })
})

describe('the disk', () => {
  const run = (dir: string, params: Params, background: boolean) =>
    train(settings(params, { checkpoint: { dir, every: 2, onError: 'continue', background }, totalSteps: 6 }))

  it.each([false, true])('may fail without ending the run, background %s', (background) =>
    withFolder(async (parent) => {
      const dir = join(parent, 'run')
      const params = makeParams()
      const reports = []
      for await (const report of run(dir, params, background)) {
        reports.push(report)
        if (report.step === 3) {
          rmSync(dir, { recursive: true })
          writeFileSync(dir, '') // a file where the folder was
        }
        if (report.step === 5) rmSync(dir)
      }
      expect(reports.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6])
      const failed = reports.filter(({ checkpointError }) => checkpointError !== undefined)
      // in the background it is known at the next save; that of step 2 may have been under way when its folder went
      expect(failed.at(-1)).toMatchObject({
        step: background ? 6 : 4,
        checkpointError: `saveCheckpoint: cannot write ${dir}/step-00000004 (ENOTDIR): a file is in the way. Choose another folder. Checkpoints saved before are untouched.`,
      })
      expect(await latestCheckpoint(dir)).toEqual({ path: join(dir, 'step-00000006'), step: 6, skipped: [] })
      tf.dispose(params)
    }),
  )
})

describe('gradient noise', () => {
  it('estimates variance and norm of gradients that are known', () =>
    expectNoLeaks(async () => {
      // gradient of a micro-batch of n draws: mean of n numbers g + σ·z with z uniform, so |G|² = g² and tr Σ = σ²·var(z) a draw
      const [g, sigma, size] = [0.5, 2, 4]
      const random = numbers(3)
      function* draws() {
        while (true) yield tf.tensor1d(Array.from({ length: size }, () => g + sigma * random.next()))
      }
      const params: Params = { w: tf.scalar(0) }
      const loss = ({ w }: Params, draws: tf.Tensor1D) => tf.mul(w!, tf.mean(draws))
      const options = { params, loss, batches: draws(), learningRate: () => 0, totalSteps: 400, gradientAccumulation: 4 }
      const reports = await collect(train({ ...options, tokens: () => size, reportGradientNoise: true, clipNorm: Infinity }))
      const mean = (of: (report: (typeof reports)[number]) => number) =>
        reports.reduce((sum, report) => sum + of(report), 0) / reports.length
      // a uniform number in (−1, 1) has variance 1/3; 400 steps leave an error of a few per cent
      expect(mean(({ gradientNoise }) => gradientNoise!.variance)).toBeCloseTo(sigma ** 2 / 3, 0)
      expect(mean(({ gradientNoise }) => gradientNoise!.squaredNorm)).toBeCloseTo(g ** 2, 1)
      expect(gradientNoiseScale(reports) / (sigma ** 2 / 3 / g ** 2)).toBeCloseTo(1, 0)
      return params
    }))

  it('is left out where it was not asked for or cannot be', async () => {
    const params = makeParams()
    const [report] = await collect(train(settings(params, { totalSteps: 1, reportGradientNoise: true })))
    expect(report!.gradientNoise).toBeUndefined()
    expect(gradientNoiseScale([report!])).toBeNaN()
    tf.dispose(params)
  })
})
