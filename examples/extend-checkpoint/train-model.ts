// How every stage trains: what learns of the checkpoint, and then the loss on a held-out row.
import * as tf from '@tensorflow/tfjs'
import { cosine } from 'cosine-schedule'
import { type LlamaConfig, loss, type MemoryPlan } from 'llama-model'
import type { LanguageModel } from 'long-context-eval'
import type { Resumable, Row } from 'seq-packer'
import { adamw, type CurriculumPhase } from 'trainer'
import type { Engine } from '../long-context/engine.ts'
import { summary, type Training } from '../long-context/metrics.ts'
import { languageModel } from '../long-context/model.ts'
import type { Run } from '../long-context/run.ts'
import type { Watch } from '../long-context/watch.ts'
import { trainStage } from '../shared/train-stage.ts'
import { type Checkpoint, openLearner } from './model.ts'
import type { Settings } from './settings.ts'

export interface Shared {
  readonly settings: Settings
  readonly run: Run
  readonly engine: Engine
  readonly checkpoint: Checkpoint
  readonly watch: Watch
  readonly memory: MemoryPlan
  /** Held out, of the full length: the loss on it ends every stage. */
  readonly validationRow: Int32Array
}

export interface TrainingStage {
  readonly id: string
  readonly config: LlamaConfig
  /** Of the low-rank updates. */
  readonly seed: number
  /** The training that it goes on from; none: the checkpoint. */
  readonly from?: string
  readonly phases: readonly CurriculumPhase[]
  readonly rowsOf: (sequenceLength: number) => Resumable<Row>
}

/** A function that trains by AdamW, as `trainStage` does, and leaves the last training checkpoint. */
export function modelTraining({ settings, run, engine, checkpoint, watch, memory, validationRow }: Shared) {
  const { length, method } = settings
  const { tokenizer } = checkpoint
  const { peak = method === 'full' ? 5e-5 : 2e-4 } = settings
  const slow = { match: /norm|embed_tokens|lm_head/, learningRateScale: method === 'full' ? 1 : 0.1, weightDecay: 0 }
  return async ({ id, config, seed, from, phases, rowsOf }: TrainingStage): Promise<Training> => {
    await engine.restart()
    const learner = await openLearner(checkpoint, { ...settings, seed }, config, from && run.path('checkpoints', from))
    const { frozen, learning } = learner
    const now = () => languageModel({ ...frozen, ...learning }, learner.config, length, [])
    const live: LanguageModel = { tokenLosses: (some) => now().tokenLosses(some), generate: (...prompt) => now().generate(...prompt) }
    const steps = phases.reduce((sum, phase) => sum + phase.steps, 0)
    const schedule = cosine({ peak, totalSteps: steps, warmupSteps: Math.ceil(steps / 10), floor: peak / 10 })
    const { file, peakBytes } = await trainStage({
      id,
      run,
      engine,
      params: learning,
      loss: (params, batch) => loss({ ...frozen, ...params }, learner.config, batch, memory),
      phases,
      rowsOf,
      learningRate: (step) => schedule(step + 0.5), // the middle of a step: of a dozen none is given to a rate of 0
      optimizer: adamw({ groups: [slow] }), // β 0.9/0.95, decay 0.1, as Llama 2
      checkpointEvery: settings.checkpointEvery,
      draw: watch.training(id, live, validationRow, {
        encode: (text) => Array.from(tokenizer.encode(text)),
        decode: tokenizer.decode,
      }),
      pace: ({ milliseconds }) => `${(milliseconds / 1000).toFixed(1)} s a step`,
    })
    const validation = await now().tokenLosses([validationRow])
    tf.dispose([frozen, learning])
    return { ...summary(file, length, validation), peakBytes }
  }
}
