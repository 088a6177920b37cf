import { Presets, SingleBar } from 'cli-progress'
import type { StepReport } from '../types.ts'

export interface ProgressBarOptions {
  /** As `train` has it. */
  readonly totalSteps: number
  /** In front of the bar. */
  readonly label?: string
  /** Floating-point operations of a step, for FLOP/s; for a Llama see long-context-eval's `trainingFlops`. */
  readonly flopsPerStep?: number
  /** Default: standard error, so that a program's output stays its own. */
  readonly stream?: NodeJS.WriteStream
}

/**
 * An observer that shows step, loss, tokens/s, FLOP/s and the time left: a bar on a terminal, a line every twentieth of the way elsewhere. Faults,
 * rollbacks, failed saves and what a resume passed over get a line of their own. Ends with the run's last report.
 */
export function progressBar({
  totalSteps,
  label = 'training',
  flopsPerStep,
  stream = process.stderr,
}: ProgressBarOptions): (report: StepReport) => void {
  const format = `${label} {bar} {value}/{total} | ETA {eta_formatted} | {note}`
  const bar = stream.isTTY
    ? new SingleBar({ format, stream, hideCursor: true, etaBuffer: 50, gracefulExit: false }, Presets.shades_classic)
    : undefined
  let [printed, started] = [0, false]
  let average = 0 // of milliseconds, over some ten steps
  return (report) => {
    const { step, loss, tokens, milliseconds, stopped } = report
    const ends = step === totalSteps || stopped !== undefined
    average = average === 0 ? milliseconds : 0.9 * average + 0.1 * milliseconds
    const rates = [
      tokens > 0 && `${metric((1000 * tokens) / average)} tokens/s`,
      flopsPerStep && `${metric((1000 * flopsPerStep) / average)}FLOP/s`,
    ]
    const note = [`loss ${loss.toFixed(3)}`, ...rates.filter(Boolean)].join(' | ')
    const events = eventsOf(report)
    if (bar) {
      if (!started) bar.start(totalSteps, step - 1, { note })
      started = true
      for (const line of events) stream.write(`\r\x1b[K${line}\n`)
      bar.update(step, { note })
      if (ends) bar.stop()
      return
    }
    for (const line of events) stream.write(`${line}\n`)
    const twentieth = Math.floor((20 * step) / totalSteps)
    if (twentieth <= printed && !ends) return
    printed = twentieth
    stream.write(`${label} ${step}/${totalSteps} | ${note} | ${duration((average * (totalSteps - step)) / 1000)} left\n`)
  }
}

function eventsOf({ step, skipped, rolledBackTo, checkpointError, resumed, stopped }: StepReport): string[] {
  return [
    ...(resumed?.skipped ?? []).map(({ path, reason }) => `passed over ${path}: ${reason}`),
    ...(resumed?.from ? [`goes on from ${resumed.from}`] : []),
    ...(skipped === undefined
      ? []
      : [`step ${step} ${rolledBackTo === undefined ? 'skipped' : `rolled back to step ${rolledBackTo}`}: ${skipped}`]),
    ...(checkpointError === undefined ? [] : [checkpointError]),
    ...(stopped === undefined
      ? []
      : [stopped === 'stop' ? `stopped after step ${step}` : `stopped after step ${step}: no better validation loss`]),
  ]
}

/** Three digits with k, M, G, T. */
export function metric(value: number): string {
  const power = Math.min(4, Math.max(0, Math.floor(Math.log10(value) / 3)))
  const digits = (value / 1000 ** power).toPrecision(3)
  return power === 0 ? `${Math.round(value)} `.trimEnd() : `${digits}${['', ' k', ' M', ' G', ' T'][power]}`
}

function duration(seconds: number): string {
  const whole = Math.round(seconds)
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60]
  return hours > 0 ? `${hours} h ${minutes} min` : minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`
}
