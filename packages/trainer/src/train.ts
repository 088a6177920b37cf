import * as tf from '@tensorflow/tfjs-core'
import { checkOptions } from './check-options.ts'
import { latestCheckpoint } from './checkpoint-latest.ts'
import { loadCheckpoint } from './checkpoint-load.ts'
import { type Fault, faultOf, windowOf } from './faults.ts'
import { type History, noHistory, withUpdate, withValidation } from './history.ts'
import { adamw } from './optimizers/adamw.ts'
import type { Batches, TrainOptions, ValidationOptions } from './options.ts'
import { startOf, takeOver } from './resume.ts'
import { refuseLater, takeFolder } from './run-folder.ts'
import { saverOf } from './saver.ts'
import { type StepGradient, stepGradient } from './step.ts'
import type { Json, Optimizer, OptimizerState, Params, StepReport } from './types.ts'

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
 * that is no float32 scalar, a parameter without gradient, a learning rate that is not finite or negative, faults that are to throw.
 * @see Pascanu et al. 2013, §3.2 (clipping); torch.nn.utils.clip_grad_norm_
 */
export function train<Batch>(options: TrainOptions<Batch>): AsyncGenerator<StepReport, void, undefined> {
  checkOptions(options)
  return run(options)
}

async function* run<Batch>(options: TrainOptions<Batch>): AsyncGenerator<StepReport, void, undefined> {
  const { params, totalSteps, optimizer = adamw(), clipNorm = 1, checkpoint, validation, faults = {}, stop, signal } = options
  const { trainable = () => true } = options
  const names = Object.keys(params).filter(trainable).sort() // one order, whoever made the record: sums over parameters are the same to the last bit
  if (names.length === 0) throw new RangeError('train: trainable is false for every parameter; let at least one learn.')
  const optimizerState: Record<string, OptimizerState> = {}
  const giveBack = checkpoint && (await takeFolder(checkpoint.dir))
  const saver = checkpoint && saverOf(checkpoint)
  const rollbacks = { until: 0, count: 0 }
  let stream: AsyncGenerator<Batch, undefined, undefined> | undefined
  let failed = false
  try {
    const { resume, note } = await startOf(options)
    if (checkpoint) await refuseLater(checkpoint.dir, resume?.step ?? 0)
    let { step, updates, history } = resume ?? { step: 0, updates: 0, history: noHistory }
    let first = note
    if (resume) takeOver(resume, params, names, optimizer, optimizerState)
    else for (const name of names) optimizerState[name] = optimizer.init(params[name]!)
    stream = streamOf(options.batches, resume?.data ?? null)

    while (step < totalSteps) {
      await eventLoopTurn()
      signal?.throwIfAborted()
      const start = performance.now()
      const learningRate = learningRateOf(options.learningRate, step)
      const gradient = await stepGradient(stream, step, names, options)
      const { loss, norm, tokens, noise } = gradient
      const fault = faultOf(gradient, history, faults)
      if (fault) tf.dispose(gradient.gradients)
      if (fault?.reaction === 'throw') throw new RangeError(stepError(step, fault.reason))
      if (!fault) {
        const gradientScale = gradient.mean * Math.min(1, clipNorm / (norm + 1e-6))
        update(params, optimizerState, names, gradient, optimizer, { learningRate, step: ++updates, gradientScale })
        history = withUpdate(history, loss, norm, windowOf(faults))
      }
      step++
      const measured: StepReport = {
        step,
        loss,
        learningRate,
        gradientNorm: norm,
        clipped: !fault && norm > clipNorm,
        tokens,
        milliseconds: performance.now() - start,
        ...(noise ? { gradientNoise: noise } : {}),
        ...(fault ? { skipped: fault.reason } : {}),
        ...first,
      }
      first = {}

      if (fault?.reaction === 'rollback') {
        countRollback(rollbacks, step, fault, faults.maxRollbacks ?? 3)
        const saved = await saver!.settle()
        const { path } = await latestCheckpoint(checkpoint!.dir)
        if (path === undefined) throw new RangeError(`${stepError(step - 1, fault.reason)} There is no checkpoint to roll back to yet.`)
        const back = await loadCheckpoint(path)
        takeOver(back, params, names, optimizer, optimizerState)
        ;({ step, updates, history } = back)
        yield { ...measured, ...saved, rolledBackTo: step }
        continue
      }

      const validated = validation && (step % validation.every === 0 || step === totalSteps)
      const validationLoss = validated ? await validationLossOf(validation, params, step) : undefined
      if (validationLoss !== undefined) history = withValidation(history, validationLoss)
      const stopped = stoppedBy(step < totalSteps, stop, history, validation)
      const report: StepReport = {
        ...measured,
        ...(validationLoss === undefined ? {} : { validationLoss }),
        ...(stopped ? { stopped } : {}),
      }
      const ends = step === totalSteps || stopped !== undefined
      if (checkpoint && saver && (step % checkpoint.every === 0 || ends)) {
        const { data, metadata = null } = checkpoint
        const { name, settings } = optimizer
        const state = {
          step,
          updates,
          params,
          optimizer: { name, settings },
          optimizerState,
          report,
          data: data?.() ?? null,
          metadata,
          history,
        }
        const saved = await saver.save(state)
        yield { ...report, ...saved, ...(ends ? await saver.settle() : {}) }
      } else yield report
      if (stopped) return
    }
  } catch (error) {
    failed = true
    throw error
  } finally {
    tf.dispose(optimizerState)
    // what was thrown first is the one to hear about
    const quietly = (closing: Promise<unknown> | undefined) => (failed ? closing?.catch(() => {}) : closing)
    await quietly(stream?.return(undefined))
    await quietly(saver?.settle())
    await giveBack?.()
  }
}

function update(
  params: Params,
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

async function* streamOf<Batch>(batches: Batches<Batch>, data: Json): AsyncGenerator<Batch, undefined, undefined> {
  yield* typeof batches === 'function' ? batches(data) : batches
}

function learningRateOf(schedule: (step: number) => number, step: number): number {
  const learningRate = schedule(step)
  if (learningRate >= 0 && learningRate < Number.POSITIVE_INFINITY) return learningRate
  throw new RangeError(`train: learningRate(${step}) is ${learningRate}; it must be a finite number ≥ 0. Steps count from 0.`)
}

async function validationLossOf({ loss }: ValidationOptions, params: Params, step: number): Promise<number> {
  const value = await loss(params)
  if (Number.isFinite(value)) return value
  throw new RangeError(`train: validation.loss returned ${String(value)} after step ${step}; it must be a finite number.`)
}

function stoppedBy(
  goesOn: boolean,
  stop: AbortSignal | undefined,
  { best }: History,
  validation?: ValidationOptions,
): StepReport['stopped'] {
  if (goesOn && stop?.aborted) return 'stop'
  if (goesOn && validation?.patience !== undefined && best && best.since >= validation.patience) return 'patience'
  return undefined
}

/** A run that keeps failing at the same place must not go round for ever. */
function countRollback(rollbacks: { until: number; count: number }, step: number, { reason }: Fault, most: number): void {
  if (step > rollbacks.until) Object.assign(rollbacks, { until: step, count: 0 })
  if (++rollbacks.count > most)
    throw new RangeError(
      `train: step ${step}: ${reason}. The run was rolled back ${most} times before it passed step ${rollbacks.until}. ` +
        'Lower the learning rate, look at the data, or raise faults.maxRollbacks.',
    )
}

function stepError(step: number, reason: string): string {
  return (
    `train: step ${step + 1}: ${reason}. The parameters are those of step ${step}. ` +
    `Lower the learning rate, look at the batch, or let faults say 'skip' or 'rollback'.`
  )
}

/** Lets timers, signals and key presses through: reads from a synchronous backend never leave the microtask queue. */
const eventLoopTurn = (): Promise<void> =>
  new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve)
    else setTimeout(resolve, 0)
  })
