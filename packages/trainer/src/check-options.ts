import * as tf from '@tensorflow/tfjs-core'
import type { FaultOptions, SpikeRule } from './faults.ts'
import type { TrainOptions } from './options.ts'
import type { Params } from './types.ts'

/** Throws for every option that cannot work, before anything is done. */
export function checkOptions<Batch>(options: TrainOptions<Batch>): void {
  const { params, batches, totalSteps, gradientAccumulation = 1, clipNorm = 1, checkpoint, resume, validation, faults = {} } = options
  checkParams('train', params)
  for (const key of ['loss', 'learningRate'] as const)
    if (typeof options[key] !== 'function') throw new TypeError(`train: ${key} is ${options[key]}; it must be a function.`)
  if (!(Symbol.asyncIterator in Object(batches) || Symbol.iterator in Object(batches) || typeof batches === 'function'))
    throw new TypeError(
      `train: batches is ${batches}; it must be an iterable or async iterable, such as an array or a generator (called), or a function that returns one.`,
    )
  checkCount('train: totalSteps', totalSteps)
  if (typeof gradientAccumulation !== 'function') checkCount('train: gradientAccumulation', gradientAccumulation)
  if (!(clipNorm > 0)) throw new RangeError(`train: clipNorm is ${clipNorm}; it must be > 0. For no clipping pass Infinity.`)
  checkFaults(faults, checkpoint !== undefined)
  if (checkpoint) {
    const { dir, every, keepLast = 2, keepBest = 0, onError = 'throw' } = checkpoint
    if (!dir) throw new TypeError(`train: checkpoint.dir is '${dir}'; name a folder.`)
    checkCount('train: checkpoint.every', every)
    checkCount('train: checkpoint.keepLast', keepLast)
    checkCount('train: checkpoint.keepBest', keepBest, 0)
    if (keepBest > 0 && !validation)
      throw new RangeError(`train: checkpoint.keepBest is ${keepBest}, but there is no validation to tell the best; pass validation.`)
    checkChoice('train: checkpoint.onError', onError, ['throw', 'continue'])
  }
  if (validation) {
    checkCount('train: validation.every', validation.every)
    if (typeof validation.loss !== 'function')
      throw new TypeError(`train: validation.loss is ${validation.loss}; it must be a function of the parameters that returns a number.`)
    if (validation.patience !== undefined) checkCount('train: validation.patience', validation.patience)
  }
  if (resume === 'latest') {
    if (!checkpoint) throw new RangeError("train: resume is 'latest', but there is no checkpoint.dir to look in; pass checkpoint.")
  } else if (resume && resume.step > totalSteps)
    throw new RangeError(
      `train: resume is at step ${resume.step}, totalSteps is ${totalSteps}; it counts the whole run. Pass at least ${resume.step}.`,
    )
}

function checkFaults({ nonFinite = 'throw', lossSpike, normSpike, maxRollbacks = 3 }: FaultOptions, saves: boolean): void {
  const rules: Record<string, SpikeRule> = { ...(lossSpike ? { lossSpike } : {}), ...(normSpike ? { normSpike } : {}) }
  const reactions = { nonFinite, ...Object.fromEntries(Object.entries(rules).map(([key, rule]) => [`${key}.reaction`, rule.reaction])) }
  for (const [key, reaction] of Object.entries(reactions)) {
    checkChoice(`train: faults.${key}`, reaction, ['throw', 'skip', 'rollback'])
    if (reaction === 'rollback' && !saves)
      throw new RangeError(`train: faults.${key} is 'rollback', but nothing is saved to go back to; pass checkpoint.`)
  }
  for (const [key, { deviations = 10, window = 100 }] of Object.entries(rules)) {
    if (!(deviations > 0)) throw new RangeError(`train: faults.${key}.deviations is ${deviations}; it must be > 0. Usual: 10.`)
    checkCount(`train: faults.${key}.window`, window, 2)
  }
  checkCount('train: faults.maxRollbacks', maxRollbacks)
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

export function checkCount(what: string, value: number, least = 1): void {
  if (!Number.isSafeInteger(value) || value < least) throw new RangeError(`${what} is ${value}; it must be a whole number ≥ ${least}.`)
}

function checkChoice(what: string, value: string, choices: readonly string[]): void {
  if (!choices.includes(value))
    throw new RangeError(`${what} is '${value}'; choose ${choices.map((choice) => `'${choice}'`).join(' or ')}.`)
}
