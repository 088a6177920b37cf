import * as tf from '@tensorflow/tfjs-core'
import { list } from './gradients.ts'
import type { Checkpoint, Optimizer, OptimizerState, Params } from './types.ts'

/** Moves the tensors of a checkpoint into `params` and `optimizerState`; disposes the parameters they replace. Checks all, then moves. */
export function takeOver(resume: Checkpoint, params: Params, optimizer: Optimizer, optimizerState: Record<string, OptimizerState>): void {
  const from = `train: resume (${resume.path})`
  const names = Object.keys(params).sort()
  if (resume.optimizer.name !== optimizer.name)
    throw new RangeError(`${from} holds the state of optimizer '${resume.optimizer.name}', the run uses '${optimizer.name}'; use the same.`)
  const [missing, extra] = [names.filter((name) => !resume.params[name]), Object.keys(resume.params).filter((name) => !params[name])]
  if (missing.length > 0 || extra.length > 0)
    throw new RangeError(
      `${from} has other parameters: missing ${list(missing) || 'none'}, not in params ${list(extra) || 'none'}. Build the same model.`,
    )
  for (const name of names) {
    const [saved, param] = [resume.params[name]!, params[name]!]
    if (!tf.util.arraysEqual(saved.shape, param.shape))
      throw new RangeError(`${from}: '${name}' has shape [${saved.shape}], in params [${param.shape}]. Build the same model.`)
    checkState(from, name, saved, optimizer, resume.optimizerState[name] ?? {})
  }
  for (const name of names) {
    if (params[name] !== resume.params[name]) tf.dispose(params[name]!)
    params[name] = resume.params[name]!
    optimizerState[name] = { ...resume.optimizerState[name] }
  }
}

function checkState(from: string, name: string, param: tf.Tensor, optimizer: Optimizer, state: OptimizerState): void {
  if (param.isDisposed || Object.values(state).some((tensor) => tensor.isDisposed))
    throw new RangeError(`${from}: '${name}' is disposed; a checkpoint can be resumed once. Call loadCheckpoint again.`)
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
