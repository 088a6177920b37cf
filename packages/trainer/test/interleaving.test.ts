// However a run is cut up, it is the run in one piece: saves, stops, kills, other micro-batches, clocks that jump, folders that close.
import { chmodSync, readdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import fc from 'fast-check'
import { latestCheckpoint, type Params, type StepReport, type TrainOptions, train } from 'trainer'
import { describe, expect, it, vi } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { collect, type Example, makeParams, meanSquare, numbers, settings, timeless, valuesOf, withFolder } from './support.ts'

const [totalSteps, rowsPerStep] = [8, 12]

/** Rows of the data from `first` on, `size` at a time. */
function* rowsFrom(first: number, size: number, handOut: (row: number) => void): Generator<Example> {
  const random = numbers(7)
  for (let i = 0; i < 6 * first; i++) random.next()
  const draw = (columns: number, of: readonly number[][]) => tf.tensor2d(of.map((row) => (columns === 4 ? row.slice(0, 4) : row.slice(4))))
  for (let row = first; ; ) {
    const rows = Array.from({ length: size }, () => Array.from({ length: 6 }, () => random.next()))
    row += size
    handOut(row)
    yield { x: draw(4, rows), y: draw(2, rows) }
  }
}

interface Piece {
  /** Steps until it ends, at the latest with the run. */
  readonly steps: number
  /** 'stop': through the signal, saved; 'drop': as by a kill, back to the last checkpoint. */
  readonly end: 'stop' | 'drop'
  readonly every: number
  readonly background: boolean
  readonly microBatches: number
}

async function runPiece(dir: string, { steps, end, every, background, microBatches }: Piece) {
  const params = makeParams()
  let row = 0
  const stop = new AbortController()
  const reports: StepReport[] = []
  const run = train<Example>({
    params,
    loss: meanSquare,
    batches(data) {
      row = (data as number | null) ?? 0
      return rowsFrom(row, rowsPerStep / microBatches, (next) => {
        row = next
      })
    },
    learningRate: (step) => 0.05 / (1 + step),
    totalSteps,
    gradientAccumulation: microBatches,
    tokens: ({ x }) => x.shape[0],
    clipNorm: 0.5,
    resume: 'latest',
    checkpoint: { dir, every, background, data: () => row },
    stop: stop.signal,
  })
  for await (const report of run) {
    reports.push(report)
    if (reports.length === steps && end === 'drop') break
    if (reports.length === steps - 1 && end === 'stop') stop.abort()
  }
  const values = valuesOf(params)
  tf.dispose(params)
  return { reports, values }
}

const straightOf = (dir: string, microBatches: number) =>
  runPiece(dir, { steps: totalSteps + 1, end: 'drop', every: totalSteps, background: false, microBatches })

const anyPiece = (microBatches: fc.Arbitrary<number>): fc.Arbitrary<Piece> =>
  fc.record({
    steps: fc.integer({ min: 2, max: 5 }),
    end: fc.constantFrom('stop', 'drop'),
    every: fc.integer({ min: 1, max: 4 }),
    background: fc.boolean(),
    microBatches,
  })

describe('any sequence of saves, stops and kills', () => {
  const cutUp = async (dir: string, pieces: readonly Piece[]) => {
    for (const piece of pieces) await runPiece(dir, piece)
    return runPiece(dir, { ...pieces[0]!, steps: totalSteps + 1, end: 'drop', every: totalSteps })
  }

  it('equals the run in one piece to the last bit', () =>
    withFolder(async (dir) => {
      const straight = await straightOf(join(dir, 'straight'), 2)
      let runs = 0
      await fc.assert(
        fc.asyncProperty(fc.array(anyPiece(fc.constant(2)), { minLength: 1, maxLength: 4 }), async (pieces) => {
          const { values, reports } = await cutUp(join(dir, `${runs++}`), pieces)
          if (reports.length === 0) return // the pieces had come to the end
          expect(values).toEqual(straight.values)
          const tail = straight.reports.slice(totalSteps - reports.length)
          const same = (all: readonly StepReport[]) => timeless(all.map(({ stopped: _, ...report }) => report))
          expect(same(reports)).toEqual(same(tail))
        }),
        { numRuns: 20 },
      )
    }))

  it('with other micro-batches in every piece equals it but for the order of float32 sums', () =>
    withFolder(async (dir) => {
      const straight = await straightOf(join(dir, 'straight'), 1)
      let runs = 0
      await fc.assert(
        fc.asyncProperty(fc.array(anyPiece(fc.constantFrom(1, 2, 3, 4)), { minLength: 1, maxLength: 4 }), async (pieces) => {
          const { values, reports } = await cutUp(join(dir, `${runs++}`), pieces)
          if (reports.length === 0) return
          for (const [name, value] of Object.entries(values)) expectClose(value, straight.values[name]!, { atol: 1e-4 })
        }),
        { numRuns: 20 },
      )
    }))
})

it('one step equals float64: two micro-batches of different size, clipping, AdamW with decay', () =>
  expectNoLeaks(async () => {
    const [w, b, rate, clipNorm] = [[0.5, -0.3], 0.2, 0.1, 0.4]
    const batches = [
      { x: [[1, 2]], y: [1] },
      {
        x: [
          [-1, 0.5],
          [0.25, -2],
          [3, 1],
        ],
        y: [0.5, -1, 2],
      },
    ]
    const examples = batches.flatMap(({ x, y }) => x.map((row, i) => ({ row, target: y[i]! })))
    const errors = examples.map(({ row, target }) => row[0]! * w[0]! + row[1]! * w[1]! + b - target)
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
    const gradient = [0, 1].map((i) => mean(errors.map((error, k) => 2 * error * examples[k]!.row[i]!)))
    const gradientOfB = mean(errors.map((error) => 2 * error))
    const norm = Math.hypot(...gradient, gradientOfB)
    const scale = Math.min(1, clipNorm / (norm + 1e-6))
    // the first step of Adam: both moments are the gradient's own after their correction
    const next = (value: number, g: number, decay: number) => value * (1 - rate * decay) - (rate * g * scale) / (Math.abs(g * scale) + 1e-8)

    const params: Params = { w: tf.tensor2d(w, [2, 1]), b: tf.scalar(b) }
    const [report] = await collect(
      train<{ x: tf.Tensor2D; y: tf.Tensor }>({
        params,
        loss: (p, { x, y }) => tf.mean(tf.square(tf.sub(tf.add(tf.reshape(tf.matMul(x, p.w as tf.Tensor2D), [-1]), p.b!), y))),
        batches: batches.map(({ x, y }) => ({ x: tf.tensor2d(x), y: tf.tensor1d(y) })),
        tokens: ({ x }) => x.shape[0],
        gradientAccumulation: 2,
        learningRate: () => rate,
        clipNorm,
        totalSteps: 1,
      }),
    )
    // some ten roundings of float32
    expectClose([report!.loss, report!.gradientNorm], [mean(errors.map((error) => error ** 2)), norm], { rtol: 1e-6 })
    expectClose(params.w!.dataSync(), [next(w[0]!, gradient[0]!, 0.1), next(w[1]!, gradient[1]!, 0.1)], { atol: 1e-6 })
    expectClose(params.b!.dataSync(), [next(b, gradientOfB, 0)], { atol: 1e-6 })
    return params
  }))

it('a clock that jumps, and files with times out of order, change nothing', () =>
  withFolder(async (dir) => {
    const piece: Piece = { steps: 5, end: 'drop', every: 2, background: false, microBatches: 1 }
    const straight = await straightOf(join(dir, 'straight'), 1)
    let day = 0
    const clocks = [
      vi.spyOn(Date, 'now').mockImplementation(() => 1e12 + (day++ % 2 ? -1 : 1) * 4e10),
      vi.spyOn(performance, 'now').mockImplementation(() => (day++ % 2 ? -1 : 1) * 4e10),
    ]
    try {
      await runPiece(join(dir, 'cut'), piece)
      const saved = readdirSync(join(dir, 'cut')).sort()
      expect(saved).toEqual(['step-00000002', 'step-00000004'])
      saved.forEach((name, i) => {
        utimesSync(join(dir, 'cut', name), 1e9 - i, 1e9 - i)
      })
      expect((await latestCheckpoint(join(dir, 'cut'))).step).toBe(4)
      const { values } = await runPiece(join(dir, 'cut'), { ...piece, steps: totalSteps + 1 })
      expect(values).toEqual(straight.values)
    } finally {
      for (const clock of clocks) clock.mockRestore()
    }
  }))

describe('a folder that becomes read-only in the middle of a run', () => {
  const runUntilClosed = async (dir: string, more: Partial<TrainOptions<Example>['checkpoint']> = {}) => {
    const params = makeParams()
    const isRoot = process.geteuid?.() === 0 // whom permissions do not stop
    const reports: StepReport[] = []
    if (isRoot) chmodSync(dir, 0o777)
    if (isRoot) process.seteuid!(65534)
    try {
      for await (const report of train(settings(params, { checkpoint: { dir: join(dir, 'run'), every: 1, ...more } }))) {
        reports.push(report)
        if (report.step === 2) chmodSync(join(dir, 'run'), 0o555)
        if (report.step === 5) chmodSync(join(dir, 'run'), 0o755)
      }
    } finally {
      chmodSync(join(dir, 'run'), 0o755)
      if (isRoot) process.seteuid!(0)
      tf.dispose(params)
    }
    return reports
  }

  it('ends it, with the last checkpoint whole', () =>
    withFolder(async (dir) => {
      const message = `saveCheckpoint: cannot write ${dir}/run/step-00000003 (EACCES): the folder is read-only.`
      await expect(runUntilClosed(dir)).rejects.toThrow(message)
      expect(await latestCheckpoint(join(dir, 'run'))).toEqual({ path: `${dir}/run/step-00000002`, step: 2, skipped: [] })
    }))

  it("or is reported step by step and saved again once it is open: onError 'continue'", () =>
    withFolder(async (dir) => {
      const reports = await runUntilClosed(dir, { onError: 'continue' })
      expect(reports.map(({ checkpointError }) => checkpointError !== undefined)).toEqual([
        false,
        false,
        true,
        true,
        true,
        false,
        false,
        false,
      ])
      expect((await latestCheckpoint(join(dir, 'run'))).step).toBe(8)
    }))
})
