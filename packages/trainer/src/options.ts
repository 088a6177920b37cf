import * as tf from '@tensorflow/tfjs-core'
import type { Checkpoint, Json, Optimizer, Params } from './types.ts'

export interface CheckpointOptions {
  /** Folder of the run, created where missing. Holds `step-00000123/` folders and belongs to one run. */
  readonly dir: string
  /** A checkpoint is saved after every `every` steps and after the last. */
  readonly every: number
  /** How many of the newest checkpoints stay; default 2. */
  readonly keepLast?: number
  /** State of the data after the batches consumed so far; called at every save, kept as JSON, handed back as `Checkpoint.data`. */
  readonly data?: () => Json
  /** Anything about the run worth keeping beside the weights. */
  readonly metadata?: Json
}

export interface TrainOptions<Batch> {
  /** Replaced in place, one tensor after another; the old tensors are disposed. The one mutation of this package. */
  readonly params: Params
  /** Mean loss of a batch as a float32 scalar. Runs inside the gradient tape: it needs no tidy and must not be async. */
  readonly loss: (params: Params, batch: Batch) => tf.Tensor
  /** Consumed `gradientAccumulation` per step and never ahead; closed at the end, as `for await` would. */
  readonly batches: AsyncIterable<Batch> | Iterable<Batch>
  /** Learning rate of a step; steps count from 0. */
  readonly learningRate: (step: number) => number
  /** Steps of the whole run, those before `resume` included. */
  readonly totalSteps: number
  /** Default `adamw()`. */
  readonly optimizer?: Optimizer
  /** Micro-batches per step; default 1. */
  readonly gradientAccumulation?: number
  /** Largest global L2 norm of the gradient; default 1. `Infinity` never clips. */
  readonly clipNorm?: number
  /** Loss tokens of a batch: weighs micro-batches against each other and is reported. A scalar tensor saves a device read; it is disposed. */
  readonly tokens?: (batch: Batch) => number | tf.Scalar
  /** From `loadCheckpoint`. Its tensors move into `params` and into the run. */
  readonly resume?: Checkpoint | undefined
  readonly checkpoint?: CheckpointOptions | undefined
  /** What to do when loss or gradient is NaN or infinite: default 'throw', with the parameters untouched; 'skip' goes on without an update and says so in the report. */
  readonly onNonFinite?: 'throw' | 'skip'
  /** Dispose the tensors of each batch after use; default true. */
  readonly disposeBatches?: boolean
  readonly signal?: AbortSignal | undefined
}

/** Throws for every option that cannot work, before anything is done. */
export function checkOptions<Batch>(options: TrainOptions<Batch>): void {
  const { params, batches, totalSteps, gradientAccumulation = 1, clipNorm = 1, checkpoint, resume, onNonFinite = 'throw' } = options
  checkParams('train', params)
  for (const key of ['loss', 'learningRate'] as const)
    if (typeof options[key] !== 'function') throw new TypeError(`train: ${key} is ${options[key]}; it must be a function.`)
  if (!(Symbol.asyncIterator in Object(batches) || Symbol.iterator in Object(batches)))
    throw new TypeError(`train: batches is ${batches}; it must be an iterable or async iterable, such as an array or a generator (called).`)
  checkCount('train: totalSteps', totalSteps)
  checkCount('train: gradientAccumulation', gradientAccumulation)
  if (!(clipNorm > 0)) throw new RangeError(`train: clipNorm is ${clipNorm}; it must be > 0. For no clipping pass Infinity.`)
  if (onNonFinite !== 'throw' && onNonFinite !== 'skip')
    throw new RangeError(`train: onNonFinite is '${onNonFinite}'; choose 'throw' (default) or 'skip'.`)
  if (checkpoint) {
    if (!checkpoint.dir) throw new TypeError(`train: checkpoint.dir is '${checkpoint.dir}'; name a folder.`)
    checkCount('train: checkpoint.every', checkpoint.every)
    checkCount('train: checkpoint.keepLast', checkpoint.keepLast ?? 2)
  }
  if (resume && resume.step > totalSteps)
    throw new RangeError(
      `train: resume is at step ${resume.step}, totalSteps is ${totalSteps}; it counts the whole run. Pass at least ${resume.step}.`,
    )
}

export function checkParams(who: string, params: Params): void {
  const entries = Object.entries(params)
  if (entries.length === 0) throw new RangeError(`${who}: params is empty; pass at least one named tensor.`)
  for (const [name, param] of entries) {
    if (!(param instanceof tf.Tensor)) throw new TypeError(`${who}: params['${name}'] is no tensor but ${String(param)}.`)
    if (param.dtype !== 'float32')
      throw new TypeError(`${who}: params['${name}'] is ${param.dtype}; parameters must be float32. Let loss close over constants.`)
    if (param.isDisposed) throw new RangeError(`${who}: params['${name}'] is already disposed.`)
  }
}

export function checkCount(what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${what} is ${value}; it must be a whole number ≥ 1.`)
}
