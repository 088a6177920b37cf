import * as tf from '@tensorflow/tfjs-core'
import { adamw } from './adamw.ts'
import { prepareFolder } from './checkpoint-folder.ts'
import { saveCheckpoint } from './checkpoint-save.ts'
import { checkOptions, type TrainOptions } from './options.ts'
import { takeOver } from './resume.ts'
import { type StepGradient, stepGradient } from './step.ts'
import type { Optimizer, OptimizerState, StepReport } from './types.ts'

/**
 * Trains `params` in place and yields one report per step:
 * `g = Σ wᵢ∇Lᵢ / Σ wᵢ` over the step's micro-batches, `g ← g · min(1, clipNorm / (‖g‖₂ + 1e-6))`, then one optimizer update per tensor.
 * A generator: evaluate, log, sample or `break` in the loop; between two reports the parameters do not change.
 *
 * Memory: old parameters, gradients and batches are disposed; the optimizer state belongs to the run and is freed when it ends,
 * breaks or throws. `params` always holds live tensors, owned by the caller. A throw inside an update (memory full) may leave
 * some parameters updated and others not; go back to the last checkpoint then.
 * Resuming from a checkpoint on the same backend equals the uninterrupted run to the last bit, given `data` and `batches` that do.
 *
 * @throws TypeError or RangeError at once for options that cannot work, and later with the step named: batches that end early, a loss
 * that is no float32 scalar, a parameter without gradient, a learning rate that is not finite or negative, loss or gradients not finite.
 * @see Pascanu et al. 2013, §3.2 (clipping); torch.nn.utils.clip_grad_norm_
 */
export function train<Batch>(options: TrainOptions<Batch>): AsyncGenerator<StepReport, void, undefined> {
  checkOptions(options)
  return run(options)
}

async function* run<Batch>(options: TrainOptions<Batch>): AsyncGenerator<StepReport, void, undefined> {
  const { params, totalSteps, optimizer = adamw(), clipNorm = 1, checkpoint, resume, onNonFinite = 'throw', signal } = options
  const names = Object.keys(params).sort() // one order, whoever made the record: sums over parameters are the same to the last bit
  const stream = streamOf(options.batches)
  const optimizerState: Record<string, OptimizerState> = {}
  let step = resume?.step ?? 0
  let updates = resume?.updates ?? 0
  try {
    if (checkpoint) await prepareFolder(checkpoint.dir, step)
    if (resume) takeOver(resume, params, optimizer, optimizerState)
    else for (const name of names) optimizerState[name] = optimizer.init(params[name]!)
    while (step < totalSteps) {
      await eventLoopTurn()
      signal?.throwIfAborted()
      const start = performance.now()
      const learningRate = learningRateOf(options.learningRate, step)
      const gradient = await stepGradient(stream, step, names, options)
      const { loss, norm, tokens, problem } = gradient
      const clipped = norm > clipNorm
      if (problem === undefined) {
        const gradientScale = gradient.mean * Math.min(1, clipNorm / (norm + 1e-6))
        update(params, optimizerState, names, gradient, optimizer, { learningRate, step: ++updates, gradientScale })
      } else {
        tf.dispose(gradient.gradients)
        if (onNonFinite === 'throw') throw new RangeError(nonFinite(step, problem))
      }
      step++
      const measured = { step, loss, learningRate, gradientNorm: norm, clipped, tokens, milliseconds: performance.now() - start }
      const report: StepReport = problem === undefined ? measured : { ...measured, clipped: false, skipped: problem }
      if (checkpoint && (step % checkpoint.every === 0 || step === totalSteps)) {
        const { dir, keepLast = 2, data, metadata = null } = checkpoint
        const { name, settings } = optimizer
        const state = { step, updates, params, optimizer: { name, settings }, optimizerState, report, data: data?.() ?? null, metadata }
        yield { ...report, checkpoint: await saveCheckpoint(dir, state, { keepLast }) }
      } else yield report
    }
  } catch (error) {
    await stream.return(undefined).catch(() => {}) // the first error is the one to hear about
    throw error
  } finally {
    tf.dispose(optimizerState)
    await stream.return(undefined)
  }
}

function update(
  params: Record<string, tf.Tensor>,
  optimizerState: Record<string, OptimizerState>,
  names: readonly string[],
  { gradients }: StepGradient,
  optimizer: Optimizer,
  options: { learningRate: number; step: number; gradientScale: number },
): void {
  try {
    names.forEach((name, i) => {
      const [param, state] = [params[name]!, optimizerState[name]!]
      const next = optimizer.update(gradients[i]!, param, state, { name, ...options })
      params[name] = next.param
      optimizerState[name] = next.state
      tf.dispose([param, state, gradients[i]!])
    })
  } finally {
    tf.dispose(gradients)
  }
}

async function* streamOf<Batch>(batches: AsyncIterable<Batch> | Iterable<Batch>): AsyncGenerator<Batch, undefined, undefined> {
  yield* batches
}

function learningRateOf(schedule: (step: number) => number, step: number): number {
  const learningRate = schedule(step)
  if (learningRate >= 0 && learningRate < Number.POSITIVE_INFINITY) return learningRate
  throw new RangeError(`train: learningRate(${step}) is ${learningRate}; it must be a finite number ≥ 0. Steps count from 0.`)
}

function nonFinite(step: number, problem: string): string {
  return (
    `train: step ${step + 1}: ${problem}. The parameters are those of step ${step}. ` +
    `Lower the learning rate, look at the batch, or go on without this update by onNonFinite: 'skip'.`
  )
}

/** Lets timers, signals and key presses through: reads from a synchronous backend never leave the microtask queue. */
const eventLoopTurn = (): Promise<void> =>
  new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve)
    else setTimeout(resolve, 0)
  })
