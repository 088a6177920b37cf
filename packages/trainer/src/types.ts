import type * as tf from '@tensorflow/tfjs-core'
import type { History } from './history.ts'
import type { GradientNoise } from './noise.ts'

/** Parameters by checkpoint name, for example `model.layers.0.self_attn.q_proj.weight`. All float32. */
export type Params = Record<string, tf.Tensor>

/** What JSON can hold without loss; anything else is refused rather than changed. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** State tensors of one parameter by name, for example `{ moment1, moment2 }`. Names hold no dot. */
export type OptimizerState = Record<string, tf.Tensor>

/** What an update may depend on besides its tensors. */
export interface UpdateOptions {
  /** Name of the parameter. */
  readonly name: string
  readonly learningRate: number
  /** Updates done including this one, 1-based; skipped steps do not count. */
  readonly step: number
  /** Factor that the gradient still has to be multiplied by: clipping and the mean over tokens in one number. */
  readonly gradientScale: number
}

/** An update rule for one tensor at a time. `init` and `update` return fresh tensors and dispose none; the trainer owns both. */
export interface Optimizer {
  /** Written into checkpoints; a checkpoint of another optimizer is refused. */
  readonly name: string
  /** Written into checkpoints for the reader. */
  readonly settings: Readonly<Record<string, Json>>
  init(param: tf.Tensor): OptimizerState
  update(gradient: tf.Tensor, param: tf.Tensor, state: OptimizerState, options: UpdateOptions): { param: tf.Tensor; state: OptimizerState }
}

/** One optimizer step, reported after the parameters changed (or, with `skipped`, did not). */
export interface StepReport {
  /** 1-based; skipped steps count, so that step, schedule and data stay aligned. */
  readonly step: number
  /** Mean loss of the step before its update, weighted by tokens. */
  readonly loss: number
  readonly learningRate: number
  /** Global L2 norm of the averaged gradient before clipping. */
  readonly gradientNorm: number
  /** Whether the gradient was scaled down to `clipNorm`. */
  readonly clipped: boolean
  /** Loss tokens of the step; 0 when `tokens` was not given. */
  readonly tokens: number
  /** Wall-clock time of the step, waiting for batches included, saving excluded. */
  readonly milliseconds: number
  /** Why nothing was updated: the fault that `faults` says to skip or to roll back from. */
  readonly skipped?: string
  /** The step that the run went back to; the next report is of the step after it. */
  readonly rolledBackTo?: number
  /** What `validation.loss` returned after this step. */
  readonly validationLoss?: number
  /** With `reportGradientNoise`. */
  readonly gradientNoise?: GradientNoise
  /** Folder of the checkpoint of this step. Saved in the background it becomes whole a little later. */
  readonly checkpoint?: string
  /** Why the last save failed (`checkpoint.onError: 'continue'`). */
  readonly checkpointError?: string
  /** Of the first report after a resume: the folder it went on from, null for none, and the folders that were passed over, each with the reason. */
  readonly resumed?: { readonly from: string | null; readonly skipped: readonly { readonly path: string; readonly reason: string }[] }
  /** Of the last report of a run that ends before `totalSteps`: by `stop`, or for want of `validation.patience`. */
  readonly stopped?: 'stop' | 'patience'
}

/** A training run at the end of a step: everything that `train` needs to go on to the last bit. */
export interface Checkpoint {
  /** The folder it was read from. */
  readonly path: string
  /** Steps done, skipped ones included. The next learning rate is `learningRate(step)`. */
  readonly step: number
  /** Updates done. */
  readonly updates: number
  readonly params: Params
  /** `Optimizer.name` and `Optimizer.settings`. */
  readonly optimizer: { readonly name: string; readonly settings: Readonly<Record<string, Json>> }
  /** State tensors by parameter name. */
  readonly optimizerState: Record<string, OptimizerState>
  /** Report of step `step`: a run killed right after a save has not delivered it yet. */
  readonly report: StepReport | null
  /** What `data()` returned: the state of the data after the batches consumed so far. */
  readonly data: Json
  readonly metadata: Json
  /** What reactions to faults and early stopping look back on. */
  readonly history: History
  /** Versions and backend that wrote it. */
  readonly versions: Readonly<Record<string, string>>
}
