import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import {
  type Checkpoint,
  latestCheckpoint,
  loadCheckpoint,
  metricsLog,
  type Params,
  type StepReport,
  type TrainOptions,
  train,
} from 'trainer'

export interface Example {
  x: tf.Tensor2D
  y: tf.Tensor2D
}

/** A small deterministic generator of numbers in (−1, 1) whose state is one integer. */
export function numbers(seed: number) {
  let state = seed >>> 0
  return {
    next: (): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state / 2 ** 31 - 1
    },
    state: (): number => state,
  }
}

export const filled = (shape: number[], seed: number): tf.Tensor => {
  const random = numbers(seed)
  return tf.tensor(
    Array.from({ length: tf.util.sizeFromShape(shape) }, () => random.next()),
    shape,
  )
}

/** Two layers: a matrix, a bias and a norm weight, so that every rule about names and ranks has a case. */
export const makeParams = (): Params => ({
  'in.weight': filled([4, 6], 1),
  'in.bias': filled([6], 2),
  'norm.weight': filled([6], 3),
  'out.weight': filled([6, 2], 4),
})

export const predict = (params: Params, x: tf.Tensor2D): tf.Tensor => {
  const hidden = tf.tanh(tf.add(tf.matMul(x, params['in.weight'] as tf.Tensor2D), params['in.bias']!))
  return tf.matMul(tf.mul(hidden, params['norm.weight']!) as tf.Tensor2D, params['out.weight'] as tf.Tensor2D)
}

export const meanSquare = (params: Params, { x, y }: Example): tf.Scalar => tf.mean(tf.square(tf.sub(predict(params, x), y)))

/** Endless batches from a seed; `state()` is that of the batches handed out so far. */
export function examples(size = 5, state = 7) {
  const random = numbers(state)
  return {
    *[Symbol.iterator](): Generator<Example> {
      while (true) {
        const values = Array.from({ length: size * 6 }, () => random.next())
        yield { x: tf.tensor2d(values.slice(0, size * 4), [size, 4]), y: tf.tensor2d(values.slice(size * 4), [size, 2]) }
      }
    },
    state: () => random.state(),
  }
}

export async function collect(stream: AsyncIterable<StepReport>): Promise<StepReport[]> {
  const reports: StepReport[] = []
  for await (const report of stream) reports.push(report)
  return reports
}

export const valuesOf = (params: Params): Record<string, number[]> =>
  Object.fromEntries(
    Object.keys(params)
      .sort()
      .map((name) => [name, Array.from(params[name]!.dataSync())]),
  )

/** A run with settings that most tests share. */
export const settings = (params: Params, more: Partial<TrainOptions<Example>> = {}): TrainOptions<Example> => ({
  params,
  loss: meanSquare,
  batches: examples(),
  learningRate: (step) => 0.02 / (1 + step),
  totalSteps: 8,
  ...more,
})

export async function withFolder<T>(body: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'trainer-'))
  try {
    return await body(dir)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

export const timeless = (reports: readonly StepReport[]): object[] =>
  reports.map(({ milliseconds: _, checkpoint: __, resumed: ___, ...rest }) => rest)

/** A run of 8 steps saved every 3, optionally going on from a checkpoint and stopping by `break` after `stopAfter`. */
export async function runIn(dir: string, { resume, stopAfter = 8, loss = meanSquare }: RunOptions = {}) {
  const params = resume?.params ?? makeParams()
  const batches = examples(5, resume ? (resume.data as number) : 7)
  const log = await metricsLog(join(dir, 'metrics.jsonl'), { resume })
  const checkpoint = { dir: join(dir, 'checkpoints'), every: 3, data: batches.state, metadata: { seed: 7 } }
  const reports: StepReport[] = []
  for await (const report of train(settings(params, { batches, resume, loss, gradientAccumulation: 2, checkpoint }))) {
    await log(report)
    reports.push(report)
    if (report.step === stopAfter) break
  }
  const values = valuesOf(params)
  tf.dispose(params)
  const metrics = (await readFile(join(dir, 'metrics.jsonl'), 'utf8')).replace(/"milliseconds":[^,}]+/g, '')
  return { values, reports, metrics }
}

/** Goes on from the newest whole checkpoint, or from the start. */
export async function resumeIn(dir: string) {
  const { path, skipped } = await latestCheckpoint(join(dir, 'checkpoints'))
  const run = await runIn(dir, path === undefined ? {} : { resume: await loadCheckpoint(path) })
  return { ...run, from: path && basename(path), skipped: skipped.map(({ path }) => basename(path)) }
}

interface RunOptions {
  readonly resume?: Checkpoint
  readonly stopAfter?: number
  readonly loss?: typeof meanSquare
}
