import { nodeModules, writeText } from './file-system.ts'
import type { Checkpoint, StepReport } from './types.ts'

export interface MetricsLogOptions {
  /** Where the run goes on: later lines are dropped, and the line of its step is written if the run was killed before that. */
  readonly resume?: Pick<Checkpoint, 'step' | 'report'> | undefined
  /** What to write of a report; undefined writes no line. Default: the report without `resumed`, with the checkpoint's folder name for its path. */
  readonly line?: (report: StepReport) => object | undefined
}

/** Without what is true of one attempt only. */
function lineOf({ resumed: _, checkpoint, ...report }: StepReport): object {
  return checkpoint === undefined ? report : { ...report, checkpoint: checkpoint.split(/[\\/]/).at(-1) }
}

/**
 * An observer that appends one JSON line per report: `const log = await metricsLog('metrics.jsonl', { resume })`, then `await log(report)`
 * for every report of the run. A killed and resumed run leaves the same lines as an uninterrupted one, `milliseconds` aside: without `resume` the file
 * starts empty; with it, lines beyond `resume.step` and a half-written last line go. JSON has no NaN: it is written as null. Node only.
 * @throws RangeError when the file holds a line that is no JSON with a `step`, before the last.
 */
export async function metricsLog(
  file: string,
  { resume, line = lineOf }: MetricsLogOptions = {},
): Promise<(report: StepReport) => Promise<void>> {
  const { fs, path } = nodeModules('metricsLog')
  const append = async (report: StepReport): Promise<void> => {
    const content = line(report)
    if (content !== undefined) await fs.appendFile(file, `${JSON.stringify(content)}\n`)
  }
  const kept = resume ? await linesUpTo(file, resume.step) : []
  await fs.mkdir(path.dirname(file), { recursive: true })
  await writeText('metricsLog', `${file}.tmp`, kept.map(({ text }) => `${text}\n`).join(''))
  await fs.rename(`${file}.tmp`, file)
  if (resume?.report && kept.at(-1)?.step !== resume.step) await append(resume.report)
  return append
}

async function linesUpTo(file: string, step: number): Promise<{ step: number; text: string }[]> {
  const content = await nodeModules('metricsLog')
    .fs.readFile(file, 'utf8')
    .catch((error: { code?: unknown }) => {
      if (error.code === 'ENOENT') return ''
      throw error
    })
  const lines = content.split('\n').slice(0, -1) // behind the last newline: nothing, or half a line
  return lines.map((text, i) => ({ text, step: stepOf(text, `${file}:${i + 1}`) })).filter((line) => line.step <= step)
}

function stepOf(text: string, where: string): number {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    parsed = undefined
  }
  const step = (parsed as { step?: unknown } | null | undefined)?.step
  if (typeof step === 'number') return step
  throw new RangeError(
    `metricsLog: ${where} holds no JSON with a step: ${text.slice(0, 60)}. Move the file away, or keep step in every line.`,
  )
}
