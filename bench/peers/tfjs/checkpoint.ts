import { mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { countParams, llamaConfig, loss } from 'llama-model'
import { type Params, train } from 'trainer'
import { median } from '../../row.ts'
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
  const bytes = 12 * countParams(config)
  /** A run of its own, so that parameters and moments are there but once: the steps, the time after the one that saves, the step after it. */
  const runTo = async (dir: string, background: boolean) => {
    const params: Params = paramsOf(config)
    const run = train({
      params,
      loss: (own, batch) => loss(own, config, batch),
      batches: batchesOf(input, config),
      learningRate: () => 1e-4,
      totalSteps: 1e6,
      checkpoint: { dir, every: input.steps, keepLast: 1, background },
    })
    const steps: number[] = []
    let saving = 0
    for (let i = 0; i <= input.steps; i++) {
      const began = performance.now()
      const { value } = await run.next()
      steps.push(value!.milliseconds)
      if (i === input.steps - 1) saving = performance.now() - began - value!.milliseconds
    }
    await run.return(undefined)
    tf.dispose(params)
    const after = steps.pop()!
    return { step: median(steps.slice(1)), saving, after }
  }
  return {
    async run() {
      const folder = mkdtempSync(join(peersFolder, 'checkpoint-'))
      try {
        const { step, saving: copy, after } = await runTo(join(folder, 'background'), true)
        const { saving: save } = await runTo(join(folder, 'foreground'), false)
        return { step, 'step while saving': after, copy, save, 'raw write': await rawWrite(join(folder, 'raw'), bytes) }
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    },
    check: () => [bytes],
    dispose() {},
  }
}

async function rawWrite(path: string, bytes: number): Promise<number> {
  const part = new Uint8Array(2 ** 24).fill(7)
  const began = performance.now()
  const file = await open(path, 'w')
  for (let left = bytes; left > 0; left -= part.length) await file.write(part, 0, Math.min(left, part.length))
  await file.sync()
  await file.close()
  return performance.now() - began
}
