// How every stage trains: all parameters, and then the loss on held-out rows.
import { cosine } from 'cosine-schedule'
import { type LlamaConfig, loss, type Params, savePretrained } from 'llama-model'
import type { Resumable, Row } from 'seq-packer'
import { adamw, curriculum } from 'trainer'
import { trainStage } from '../shared/train-stage.ts'
import type { Engine } from './engine.ts'
import { summary, type Training } from './metrics.ts'
import { languageModel } from './model.ts'
import type { Run } from './run.ts'
import type { Settings } from './settings.ts'
import { type TextTokenizer, tokenizerFiles } from './tokenizer.ts'
import type { Watch } from './watch.ts'

export interface Shared {
  readonly settings: Settings
  readonly run: Run
  readonly engine: Engine
  readonly watch: Watch
  readonly tokenizer: TextTokenizer
  readonly tokenizerJson: unknown
  /** Held-out rows: the loss on them ends every stage. */
  readonly validationRows: readonly Int32Array[]
}

export interface TrainingStage {
  readonly id: string
  readonly config: LlamaConfig
  readonly params: Params
  readonly rows: Resumable<Row>
  readonly rowLength: number
  readonly steps: number
  readonly peak: number
}

/**
 * A function that trains `params` in place by AdamW, as `trainStage` does, and saves a Hugging Face folder.
 */
export function modelTraining({ settings, run, engine, watch, tokenizer, tokenizerJson, validationRows }: Shared) {
  const { tokensPerBatch } = settings
  return async ({ id, config, params, rows, rowLength, steps, peak }: TrainingStage): Promise<Training> => {
    const model = languageModel(params, config, tokensPerBatch)
    const windows = validationRows.map((row) => row.subarray(0, rowLength))
    const { file, peakBytes } = await trainStage({
      id,
      run,
      engine,
      params,
      loss: (params, batch) => loss(params, config, batch),
      phases: curriculum({ totalSteps: steps, tokensPerBatch, phases: [{ sequenceLength: rowLength, fraction: 1 }] }),
      rowsOf: () => rows,
      learningRate: cosine({ peak, totalSteps: steps, warmupSteps: Math.ceil(steps / 20), floor: peak / 10 }),
      optimizer: adamw(), // β 0.9/0.95, decay 0.1, as Llama 2
      checkpointEvery: settings.checkpointEvery,
      draw: watch.training(id, model, windows[0]!, tokenizer),
      pace: ({ milliseconds }) => `${((tokensPerBatch * 1000) / milliseconds).toFixed(0)} tokens/s`,
    })
    await savePretrained(run.path('models', id), { params, config, tokenizer: tokenizerFiles(tokenizerJson) })
    return { ...summary(file, tokensPerBatch, await model.tokenLosses(windows)), peakBytes }
  }
}
