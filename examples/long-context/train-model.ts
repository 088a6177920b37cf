// How every stage trains: the same loop, whatever the model, the rows and the frequencies.
import { cosine } from 'cosine-schedule'
import { type LlamaConfig, loss, type Params, savePretrained } from 'llama-model'
import type { Resumable, Row } from 'seq-packer'
import { batches } from 'seq-packer/tfjs'
import { adamw, latestCheckpoint, loadCheckpoint, metricsLog, stopSignals, train } from 'trainer'
import type { Engine } from './engine.ts'
import { summary, type Training } from './metrics.ts'
import { languageModel } from './model.ts'
import { progress } from './progress.ts'
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
 * A function that trains `params` in place: AdamW, cosine with warm-up, clipping, checkpoints; goes on from the newest whole checkpoint.
 * Saves a Hugging Face folder. Ctrl-C finishes the step, saves and ends the process.
 */
export function modelTraining({ settings, run, engine, watch, tokenizer, tokenizerJson, validationRows }: Shared) {
  const { tokensPerBatch } = settings
  return async ({ id, config, params, rows, rowLength, steps, peak }: TrainingStage): Promise<Training> => {
    const dir = run.path('checkpoints', id)
    const { path, skipped } = await latestCheckpoint(dir)
    for (const { path, reason } of skipped) console.log(`  skipped ${path}: ${reason}`)
    const resume = path === undefined ? undefined : await loadCheckpoint(path)
    const data = batches(rows, tokensPerBatch / rowLength)
    if (resume) data.restore(resume.data)
    const file = run.path('metrics', `${id}.jsonl`)
    const log = await metricsLog(file, { resume })
    const bar = progress(`training ${id}`, steps)
    const signals = stopSignals()
    const model = languageModel(params, config, tokensPerBatch)
    const windows = validationRows.map((row) => row.subarray(0, rowLength))
    const draw = watch.training(id, model, windows[0]!, tokenizer)
    let peakBytes = 0
    for await (const report of train({
      params,
      loss: (params, batch) => loss(params, config, batch),
      batches: data,
      tokens: () => tokensPerBatch,
      learningRate: cosine({ peak, totalSteps: steps, warmupSteps: Math.ceil(steps / 20), floor: peak / 10 }),
      optimizer: adamw(), // β 0.9/0.95, decay 0.1, as Llama 2
      clipNorm: 1,
      totalSteps: steps,
      resume,
      stop: signals.stop,
      checkpoint: { dir, every: settings.checkpointEvery, keepLast: 1, data: data.state },
    })) {
      await log(report)
      await draw(report)
      peakBytes = Math.max(peakBytes, engine.bytes())
      bar.update(report.step, `loss ${report.loss.toFixed(3)}, ${((tokensPerBatch * 1000) / report.milliseconds).toFixed(0)} tokens/s`)
    }
    bar.stop()
    if (signals.exitCode() !== undefined) {
      console.log('  saved; the same command goes on from here')
      process.exit(signals.exitCode())
    }
    signals.release()
    await savePretrained(run.path('models', id), { params, config, tokenizer: tokenizerFiles(tokenizerJson) })
    return { ...summary(file, tokensPerBatch, await model.tokenLosses(windows)), peakBytes }
  }
}
