import * as tf from '@tensorflow/tfjs-core'
import { latestCheckpoint } from './checkpoint-latest.ts'
import { loadCheckpoint } from './checkpoint-load.ts'
import { list } from './gradients.ts'
import type { TrainOptions } from './options.ts'
import type { Checkpoint, Optimizer, OptimizerState, Params, StepReport } from './types.ts'

/** Where a run goes on, and what was passed over to get there. */
export interface Start {
  readonly resume: Checkpoint | undefined
  /** For the first report. */
  readonly note: Pick<StepReport, 'resumed'>
}

/** Finds what `resume` names; 'latest' is the newest whole checkpoint of the folder. */
export async function startOf<Batch>({ resume, checkpoint }: TrainOptions<Batch>): Promise<Start> {
  if (resume !== 'latest') return { resume, note: resume ? { resumed: { from: resume.path, skipped: [] } } : {} }
  const { path, skipped } = await latestCheckpoint(checkpoint!.dir)
  const note = path === undefined && skipped.length === 0 ? {} : { resumed: { from: path ?? null, skipped } }
  return { resume: path === undefined ? undefined : await loadCheckpoint(path), note }
}

/**
 * Moves the tensors of a checkpoint into `params` and `optimizerState`; disposes those they replace. Checks all, then moves.
 * `trainable`, sorted, are the names that have a state; `optimizer` is theirs.
 */
export function takeOver(
  resume: Checkpoint,
  params: Params,
  trainable: readonly string[],
  optimizer: Optimizer,
  optimizerState: Record<string, OptimizerState>,
): void {
  const from = `train: resume (${resume.path})`
  const names = Object.keys(params).sort()
  if (resume.optimizer.name !== optimizer.name)
    throw new RangeError(`${from} holds the state of optimizer '${resume.optimizer.name}', the run uses '${optimizer.name}'; use the same.`)
  const [missing, extra] = [names.filter((name) => !resume.params[name]), Object.keys(resume.params).filter((name) => !params[name])]
  if (missing.length > 0 || extra.length > 0)
    throw new RangeError(
      `${from} has other parameters: missing ${list(missing) || 'none'}, not in params ${list(extra) || 'none'}. Build the same model.`,
    )
  const learnt = Object.keys(resume.optimizerState)
  if (learnt.length > 0 && learnt.sort().join() !== trainable.join())
    throw new RangeError(
      `${from} has optimizer state of ${list(learnt)} (${learnt.length}), trainable are ${list(trainable)} (${trainable.length}). Train the same parameters.`,
    )
  for (const name of names) {
    const [saved, param] = [resume.params[name]!, params[name]!]
    if (!tf.util.arraysEqual(saved.shape, param.shape))
      throw new RangeError(`${from}: '${name}' has shape [${saved.shape}], in params [${param.shape}]. Build the same model.`)
    checkState(from, name, saved, trainable.includes(name) ? optimizer : undefined, resume.optimizerState[name] ?? {})
  }
  for (const name of names) {
    if (params[name] !== resume.params[name]) tf.dispose(params[name]!)
    params[name] = resume.params[name]!
  }
  for (const name of trainable) {
    tf.dispose(optimizerState[name] ?? {})
    optimizerState[name] = { ...resume.optimizerState[name] }
  }
}

function checkState(from: string, name: string, param: tf.Tensor, optimizer: Optimizer | undefined, state: OptimizerState): void {
  if (param.isDisposed || Object.values(state).some((tensor) => tensor.isDisposed))
    throw new RangeError(`${from}: '${name}' is disposed; a checkpoint can be resumed once. Call loadCheckpoint again.`)
  if (!optimizer) return
  const fresh = optimizer.init(param)
  const shapes = (tensors: OptimizerState): string =>
    JSON.stringify(
      Object.keys(tensors)
        .sort()
        .map((key) => [key, tensors[key]!.shape]),
    )
  const [got, expected] = [shapes(state), shapes(fresh)]
  tf.dispose(fresh)
  if (got !== expected)
    throw new RangeError(
      `${from}: the optimizer state of '${name}' is ${got}, '${optimizer.name}' keeps ${expected}; use the optimizer that wrote it.`,
    )
}
