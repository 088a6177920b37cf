// What a training or a measurement came to, in numbers for the report and in a line for the terminal.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Answers } from './instruct.ts'
import type { Measures } from './measure.ts'
import { mean } from './report/statistics.ts'
import { type Finished, writeWhole } from './run.ts'

/** What one training run came to. */
export interface Training {
  readonly steps: number
  readonly tokens: number
  /** Time of the steps alone, over all attempts. */
  readonly seconds: number
  /** Mean over the last 20 steps. */
  readonly lastLoss: number
  /** Loss of held-out rows of the trained length, every token. */
  readonly validationLoss: number
  /** Every k-th step, for the plot. */
  readonly curve: readonly { readonly tokens: number; readonly loss: number }[]
  /** Most bytes the engine held. */
  readonly peakBytes: number
}

const linesOf = (file: string) => readFileSync(file, 'utf8').trim().split('\n')

/** Sums up a metrics log: it holds every step once, however often the run was interrupted. */
export function summary(file: string, tokensPerBatch: number, validation: readonly Float32Array[]): Omit<Training, 'peakBytes'> {
  const steps: { step: number; loss: number; milliseconds: number }[] = linesOf(file).map((line) => JSON.parse(line))
  const losses = steps.map(({ loss }) => loss)
  const every = Math.max(1, Math.floor(steps.length / 100))
  return {
    steps: steps.length,
    tokens: steps.length * tokensPerBatch,
    seconds: steps.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000,
    lastLoss: mean(losses.slice(-20)),
    validationLoss: mean(validation.flatMap((row) => Array.from(row.subarray(1)))),
    curve: Array.from({ length: Math.floor(steps.length / every) }, (_, i) => ({
      tokens: (i + 1) * every * tokensPerBatch,
      loss: mean(losses.slice(i * every, (i + 1) * every)),
    })),
  }
}

/** All training steps and all measurements of a run in one file of JSON lines: `{ stage, step, loss, … }` and `{ stage, result }`. */
export function gatherMetrics(folder: string, file: string, finished: ReadonlyMap<string, Finished<unknown>>): void {
  const logs = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.jsonl')) : []
  const steps = logs.flatMap((name) =>
    linesOf(join(folder, name)).map((line) => JSON.stringify({ stage: basename(name, '.jsonl'), ...JSON.parse(line) })),
  )
  const measurements = [...finished].filter(([id]) => /-(measure|answers)-/.test(id))
  const results = measurements.map(([stage, { result }]) => JSON.stringify({ stage, result }))
  writeWhole(file, `${[...steps, ...results].join('\n')}\n`)
}

export const trained = ({ lastLoss, validationLoss, tokens, seconds }: Training): string =>
  `${tokens.toLocaleString('en-US')} tokens, ${(tokens / seconds).toFixed(0)} tokens/s; loss ${lastLoss.toFixed(3)}, of held-out rows ${validationLoss.toFixed(3)}`

export function measured({ byContext, shortLoss, retrieval, keys }: Measures): string {
  const { length, rougeL } = retrieval.at(-1)!
  const found = 100 * mean(keys.filter((key) => key.length === length).map(({ accuracy }) => accuracy))
  const losses = `loss ${shortLoss.toFixed(3)} short, ${byContext.at(-1)!.loss.toFixed(3)} long`
  return `${losses}; at ${length} tokens: first sentence ROUGE-L ${rougeL.toFixed(0)}, pass keys ${found.toFixed(0)} %`
}

export const answered = ({ loss, f1, textLoss }: Answers): string =>
  `loss of answers ${loss.toFixed(3)}, F1 ${(100 * f1).toFixed(1)}; loss of plain long text ${textLoss.toFixed(3)}`
