import { mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { llamaConfig, loss } from 'llama-model'
import { type Params, train } from 'trainer'
import type { Prepared } from '../../serve-peer.ts'
import { peersFolder } from '../peers-folder.ts'
import { batchesOf, paramsOf } from './llama.ts'
import type { StepInput } from './step.ts'

export interface CheckpointInput extends StepInput {
  /** Steps without a save before each one with it. */
  readonly steps: number
}

/**
 * Steps without a save under way, steps while one is written in the background, how long training waits for the copy to host memory, how
 * long foreground saves take, and how long the same bytes take that are only written and synced, by one call after the other.
 */
export function prepareCheckpoint(input: CheckpointInput): Prepared {
  const config = llamaConfig(input.config)
  const folder = mkdtempSync(join(peersFolder, 'checkpoint-'))
  const params: Params = paramsOf(config)
  const bytes = 12 * Object.values(params).reduce((sum, { size }) => sum + size, 0)
  const runs = { background: runOf('background', true), foreground: runOf('foreground', false) }
  function runOf(name: string, background: boolean) {
    const own: Params = background ? params : paramsOf(config)
    return train({
      params: own,
      loss: (p, batch) => loss(p, config, batch),
      batches: batchesOf(input, config),
      learningRate: () => 1e-4,
      totalSteps: 1e6,
      checkpoint: { dir: join(folder, name), every: input.steps, keepLast: 1, background },
    })
  }
  const rawWrite = async (): Promise<number> => {
    const part = new Uint8Array(2 ** 24).fill(7)
    const began = performance.now()
    const file = await open(join(folder, 'raw'), 'w')
    for (let left = bytes; left > 0; left -= part.length) await file.write(part, 0, Math.min(left, part.length))
    await file.sync()
    await file.close()
    return performance.now() - began
  }
  /** Time between a report and the next, and what of it is the step. */
  const timed = async (steps: AsyncGenerator<{ milliseconds: number; checkpoint?: string }>) => {
    const began = performance.now()
    const { value } = await steps.next()
    return { all: performance.now() - began, step: value!.milliseconds as number }
  }
  return {
    async run() {
      let [step, whileSaving, copy] = [0, 0, 0]
      const alone: number[] = []
      for (let i = 0; i < input.steps; i++) {
        const { all, step: own } = await timed(runs.background)
        if (i === 0)
          whileSaving = own // the save before is under way
        else if (i < input.steps - 1) alone.push(own)
        else copy = all - own
      }
      step = alone.toSorted((a, b) => a - b)[alone.length >> 1] ?? Number.NaN
      let save = 0
      for (let i = 0; i < input.steps; i++) {
        const { all, step: own } = await timed(runs.foreground)
        save = all - own
      }
      return { step, 'step while saving': whileSaving, copy, save, 'raw write': await rawWrite() }
    },
    check: () => [bytes],
    dispose() {
      void Promise.all(Object.values(runs).map((run) => run.return(undefined))).then(() => {
        tf.dispose(params)
        rmSync(folder, { recursive: true, force: true })
      })
    },
  }
}
