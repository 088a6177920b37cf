import type * as tf from '@tensorflow/tfjs-core'
import type { FaultOptions } from './faults.ts'
import type { Checkpoint, Json, Optimizer, Params } from './types.ts'

export interface CheckpointOptions {
  /** Folder of the run, created where missing. Holds `step-00000123/` folders, belongs to one run, and to one process at a time. */
  readonly dir: string
  /** A checkpoint is saved after every `every` steps, after the last, and where the run is stopped. */
  readonly every: number
  /** How many of the newest checkpoints stay; default 2. */
  readonly keepLast?: number
  /** How many of those with the lowest validation loss stay besides; default 0. */
  readonly keepBest?: number
  /** State of the data after the batches consumed so far; called at every save, kept as JSON, handed back as `Checkpoint.data`. */
  readonly data?: () => Json
  /** Anything about the run worth keeping beside the weights. */
  readonly metadata?: Json
  /**
   * Copies all tensors to the host at once and writes them in a worker thread while training goes on; at most one save is under way. Costs
   * host memory for the copy: 12 bytes a parameter with AdamW. Default false: written tensor by tensor before the next step.
   */
  readonly background?: boolean
  /** When a save fails (disk full, folder gone): 'throw' (default) ends the run; 'continue' trains on and says so in the report. */
  readonly onError?: 'throw' | 'continue'
}

export interface ValidationOptions {
  /** After every `every` steps, and after the last. */
  readonly every: number
  /** Loss over held-out data, the same each time; the lower the better. Disposes what it makes. */
  readonly loss: (params: Params) => number | Promise<number>
  /** Stops the run after so many validations in a row that brought no lower loss. Default: never. */
  readonly patience?: number
}

/** Batches, or a function of the state that the data had in the checkpoint resumed from (null at the start of a run). */
export type Batches<Batch> = AsyncIterable<Batch> | Iterable<Batch> | ((data: Json) => AsyncIterable<Batch> | Iterable<Batch>)

export interface TrainOptions<Batch> {
  /** Replaced in place, one tensor after another; the old tensors are disposed. The one mutation of this package. */
  readonly params: Params
  /** Mean loss of a batch as a float32 scalar. Runs inside the gradient tape: it needs no tidy and must not be async. */
  readonly loss: (params: Params, batch: Batch) => tf.Tensor
  /** Consumed `gradientAccumulation` per step and never ahead; closed at the end, as `for await` would. */
  readonly batches: Batches<Batch>
  /** Learning rate of a step; steps count from 0. */
  readonly learningRate: (step: number) => number
  /** Steps of the whole run, those before `resume` included. */
  readonly totalSteps: number
  /** Default `adamw()`. */
  readonly optimizer?: Optimizer
  /** Which parameters learn; the others are passed to `loss` and saved, and have no gradient and no optimizer state. Default: all. */
  readonly trainable?: (name: string) => boolean
  /** Micro-batches per step, or a function of the step (from 0); default 1. */
  readonly gradientAccumulation?: number | ((step: number) => number)
  /** Largest global L2 norm of the gradient; default 1. `Infinity` never clips. */
  readonly clipNorm?: number
  /** Loss tokens of a batch: weighs micro-batches against each other and is reported. A scalar tensor saves a device read; it is disposed. */
  readonly tokens?: (batch: Batch) => number | tf.Scalar
  /** From `loadCheckpoint`; its tensors move into `params` and into the run. 'latest': the newest whole one in `checkpoint.dir`, or the start. */
  readonly resume?: Checkpoint | 'latest' | undefined
  readonly checkpoint?: CheckpointOptions | undefined
  readonly validation?: ValidationOptions | undefined
  /** What to do about NaN, spikes and exploding gradients. */
  readonly faults?: FaultOptions
  /** Reports `gradientNoise` of every step with two or more micro-batches; costs their norms. Default false. */
  readonly reportGradientNoise?: boolean
  /** Dispose the tensors of each batch after use; default true. */
  readonly disposeBatches?: boolean
  /** Ends the run after the current step: it is saved (where `checkpoint` is given), reported with `stopped`, and the generator returns. */
  readonly stop?: AbortSignal | undefined
  /** Ends the run at once by a throw, at the next micro-batch. */
  readonly signal?: AbortSignal | undefined
}
