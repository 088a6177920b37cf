// 200 steps of a small training equal PyTorch's: optimizers, schedule, clipping, accumulation, adapters on frozen weights.
import { readFileSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs-core'
import { cosine } from 'cosine-schedule'
import { adafactor, adamw, type Params, sgd, type TrainOptions, train } from 'trainer'
import { describe, expect, it } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { collect, type Example, filled, numbers } from './support.ts'

interface Trajectory {
  losses: number[]
  norms: number[]
  params: Record<string, number[]>
}
const golden = JSON.parse(readFileSync(new URL('./golden/trajectories.json', import.meta.url), 'utf8')) as Record<string, Trajectory>

const totalSteps = 200
const weights = (): Params => ({ w1: filled([4, 6], 1), b: filled([6], 2), w2: filled([6, 2], 3) })

function* batches(sizes: readonly number[]): Generator<Example> {
  const random = numbers(7)
  const draw = (rows: number, columns: number) =>
    tf.tensor2d(
      Array.from({ length: rows * columns }, () => random.next()),
      [rows, columns],
    )
  while (true) for (const rows of sizes) yield { x: draw(rows, 4), y: draw(rows, 2) }
}

const loss = ({ w1, b, w2 }: Params, { x, y }: Example) =>
  tf.mean(tf.square(tf.sub(tf.matMul(tf.tanh(tf.add(tf.matMul(x, w1 as tf.Tensor2D), b!)), w2 as tf.Tensor2D), y)))

async function expectTrajectory(name: string, params: Params, options: Partial<TrainOptions<Example>> = {}, sizes = [12]) {
  const { losses, norms, params: final } = golden[name]!
  const reports = await collect(
    train({
      params,
      loss,
      batches: batches(sizes),
      learningRate: cosine({ peak: 0.05, totalSteps, warmupSteps: 20, floor: 0.005 }),
      totalSteps,
      optimizer: adamw(),
      gradientAccumulation: sizes.length,
      tokens: ({ x }) => x.shape[0],
      ...options,
    }),
  )
  // float32 rounds each of some ten operations of a step by 6e-8; 200 steps with momentum carry it on
  const close = { rtol: 2e-4, atol: 2e-5 }
  expectClose(
    reports.map((report) => report.loss),
    losses,
    close,
  )
  expectClose(
    reports.map((report) => report.gradientNorm),
    norms,
    close,
  )
  for (const [key, values] of Object.entries(final)) expectClose(params[key]!.dataSync(), values, close)
}

describe('200 steps equal PyTorch', () => {
  it.each<[string, Partial<TrainOptions<Example>>]>([
    ['adamw', {}],
    ['clip', { clipNorm: 0.05 }],
    ['momentum', { optimizer: sgd({ momentum: 0.9, weightDecay: 0.1 }) }],
    ['nesterov', { optimizer: sgd({ momentum: 0.9, nesterov: true, weightDecay: 0.1 }) }],
    ['adafactor', { optimizer: adafactor({ weightDecay: 0.1 }) }],
  ])('%s', (name, options) =>
    expectNoLeaks(async () => {
      const params = weights()
      await expectTrajectory(name, params, options)
      return params
    }),
  )

  it('accumulation over unequal micro-batches', () =>
    expectNoLeaks(async () => {
      const params = weights()
      await expectTrajectory('accumulation', params, {}, [7, 1, 4])
      return params
    }))

  it('adapters on frozen weights, closed over and by trainable', () =>
    expectNoLeaks(async () => {
      const adapters = (): Params => ({ a: filled([4, 2], 11), c: tf.zeros([2, 6]) })
      const adapted = (all: Params, batch: Example) =>
        loss({ ...all, w1: tf.add(all.w1!, tf.matMul(all.a as tf.Tensor2D, all.c as tf.Tensor2D)) }, batch)
      const base = weights()
      const apart = adapters()
      await expectTrajectory('lora', apart, { loss: (params, batch) => adapted({ ...base, ...params }, batch) })
      const together = { ...weights(), ...adapters() }
      await expectTrajectory('lora', together, { loss: adapted, trainable: (name) => name === 'a' || name === 'c' })
      for (const name of Object.keys(base)) expect(together[name]!.dataSync()).toEqual(base[name]!.dataSync())
      return [base, apart, together]
    }))
})
