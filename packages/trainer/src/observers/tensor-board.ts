import { nodeModules } from '../file-system.ts'
import type { StepReport } from '../types.ts'
import { eventRecord } from './event-record.ts'

export interface TensorBoardOptions {
  /** Where the run goes on: TensorBoard then drops later points of earlier files. */
  readonly resume?: { readonly step: number } | undefined
  /** Scalars by tag, such as `{ 'validation/books': 3.1 }`; undefined values are left out. Default: `reportScalars`. */
  readonly scalars?: (report: StepReport) => Readonly<Record<string, number | undefined>>
}

/** What is written of a report where nothing else is said. */
const reportScalars = (report: StepReport): Readonly<Record<string, number | undefined>> => ({
  loss: report.loss,
  'loss/validation': report.validationLoss,
  learningRate: report.learningRate,
  gradientNorm: report.gradientNorm,
  tokensPerSecond: report.tokens > 0 ? (1000 * report.tokens) / report.milliseconds : undefined,
})

/**
 * An observer that appends scalars to a TensorBoard event file in `dir`: `const log = await tensorBoard('runs/a')`, then `await log(report)`;
 * look at them by `tensorboard --logdir runs`. Every start of a run has a file of its own. Node only.
 */
export async function tensorBoard(
  dir: string,
  { resume, scalars = reportScalars }: TensorBoardOptions = {},
): Promise<(report: StepReport) => Promise<void>> {
  const { fs, path } = nodeModules('tensorBoard')
  const seconds = () => Date.now() / 1000
  await fs.mkdir(dir, { recursive: true })
  const { hostname } = process.getBuiltinModule('node:os')
  const file = path.join(dir, `events.out.tfevents.${seconds().toFixed(3)}.${hostname()}.${process.pid}`)
  const head = [eventRecord({ seconds: seconds(), fileVersion: 'brain.Event:2' })]
  if (resume) head.push(eventRecord({ seconds: seconds(), step: resume.step + 1, sessionStart: true }))
  await fs.writeFile(file, Buffer.concat(head), { flag: 'wx' })
  return async (report) => {
    const values = Object.entries(scalars(report)).filter((entry): entry is [string, number] => entry[1] !== undefined)
    await fs.appendFile(file, eventRecord({ seconds: seconds(), step: report.step, scalars: values }))
  }
}
