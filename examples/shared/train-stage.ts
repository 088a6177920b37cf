// One training of a recipe: the same loop whatever the model, the rows and what of it learns.
import type { Schedule } from 'cosine-schedule'
import type { Batch, Params } from 'llama-model'
import type { Resumable, Row } from 'seq-packer'
import { batches } from 'seq-packer/tfjs'
import {
  type CurriculumPhase,
  curriculumBatches,
  latestCheckpoint,
  loadCheckpoint,
  metricsLog,
  type Optimizer,
  type StepReport,
  stopSignals,
  type TrainOptions,
  train,
} from 'trainer'
import type { Engine } from '../long-context/engine.ts'
import { progress } from '../long-context/progress.ts'
import type { Run } from '../long-context/run.ts'

export interface StageTraining {
  readonly id: string
  readonly run: Run
  readonly engine: Engine
  /** What learns; its tensors are replaced. */
  readonly params: Params
  readonly loss: TrainOptions<Batch>['loss']
  /** Rows of which length, when: trainer's `curriculum`. */
  readonly phases: readonly CurriculumPhase[]
  readonly rowsOf: (sequenceLength: number) => Resumable<Row>
  readonly learningRate: Schedule
  readonly optimizer: Optimizer
  /** Steps between checkpoints. */
  readonly checkpointEvery: number
  readonly draw: (report: StepReport) => Promise<void>
  /** Speed, for the progress bar. */
  readonly pace: (report: StepReport) => string
}

/**
 * Clipping and checkpoints; goes on from the newest whole checkpoint. Ctrl-C finishes the step, saves and ends the process.
 * Returns the file of all steps, and the most memory that the engine held.
 */
export async function trainStage(options: StageTraining): Promise<{ file: string; peakBytes: number }> {
  const { id, run, engine, phases, rowsOf, learningRate, checkpointEvery, draw, pace } = options
  const steps = phases.reduce((sum, phase) => sum + phase.steps, 0)
  const tokensPerBatch = phases[0]!.batchSize * phases[0]!.sequenceLength
  const dir = run.path('checkpoints', id)
  const { path, skipped } = await latestCheckpoint(dir)
  for (const { path, reason } of skipped) console.log(`  skipped ${path}: ${reason}`)
  const resume = path === undefined ? undefined : await loadCheckpoint(path)
  const stream = curriculumBatches(phases, ({ sequenceLength, batchSize }) => batches(rowsOf(sequenceLength), batchSize))
  const file = run.path('metrics', `${id}.jsonl`)
  const log = await metricsLog(file, { resume })
  const bar = progress(`training ${id}`, steps)
  const signals = stopSignals()
  let peakBytes = 0
  for await (const report of train({
    params: options.params,
    loss: options.loss,
    batches: stream.batches,
    tokens: () => tokensPerBatch,
    learningRate,
    optimizer: options.optimizer,
    clipNorm: 1,
    totalSteps: steps,
    resume,
    stop: signals.stop,
    checkpoint: { dir, every: checkpointEvery, keepLast: 1, data: stream.data },
  })) {
    await log(report)
    await draw(report)
    peakBytes = Math.max(peakBytes, engine.bytes())
    bar.update(report.step, `loss ${report.loss.toFixed(3)}, ${pace(report)}`)
  }
  bar.stop()
  if (signals.exitCode() !== undefined) {
    console.log('  saved; the same command goes on from here')
    process.exit(signals.exitCode())
  }
  signals.release()
  return { file, peakBytes }
}
