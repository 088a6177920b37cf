import type { Spent } from './limits/spending.ts'
import type { Outcome, RejectionReason } from './types.ts'

export interface Progress {
  /** Outcomes so far; `total` is undefined where it is not known. */
  readonly done: number
  readonly total: number | undefined
  readonly pairs: number
  readonly rejected: Readonly<Partial<Record<RejectionReason, number>>>
  /** Pairs over outcomes, in [0, 1]; 0 before the first. */
  readonly yieldFraction: number
  readonly elapsedMs: number
  /** Time left at the pace so far; undefined without `total`, and before the first outcome. */
  readonly remainingMs: number | undefined
  /** What calls took; undefined without `spent`. */
  readonly spent: Spent | undefined
}

export interface ProgressOptions {
  /** `pairsPerDocument` times the number of documents, if known. */
  readonly total?: number
  /** Of `limited`. */
  readonly spent?: () => Spent
  /** A clock in ms; default `performance.now`. */
  readonly now?: () => number
}

/**
 * An observer of a run: a function that takes each outcome and returns how far the run is. What a journal answered at once counts as any other, so
 * the time left after a resume is too short at first.
 */
export function progress({ total, spent, now = () => performance.now() }: ProgressOptions = {}): (outcome: Outcome) => Progress {
  const began = now()
  const rejected: Partial<Record<RejectionReason, number>> = {}
  let [done, pairs] = [0, 0]
  return (outcome) => {
    done++
    if (outcome.kind === 'pair') pairs++
    else rejected[outcome.reason] = (rejected[outcome.reason] ?? 0) + 1
    const elapsedMs = now() - began
    const remainingMs = total === undefined ? undefined : (elapsedMs / done) * Math.max(0, total - done)
    return { done, total, pairs, rejected: { ...rejected }, yieldFraction: pairs / done, elapsedMs, remainingMs, spent: spent?.() }
  }
}

/** `120 of 400 · 63 pairs (53 %) · 31 unparsable, 26 ungrounded · 250 requests, 81,000 tokens, 0.02 · 4 min left` */
export function describeProgress({ done, total, pairs, rejected, yieldFraction, remainingMs, spent }: Progress): string {
  const reasons = Object.entries(rejected).sort(([, a], [, b]) => b - a)
  return [
    total === undefined ? `${done}` : `${done} of ${total}`,
    `${pairs} pairs (${Math.round(100 * yieldFraction)} %)`,
    reasons.map(([reason, count]) => `${count} ${reason}`).join(', '),
    spent === undefined ? '' : describeSpent(spent),
    remainingMs === undefined ? '' : `${durationOf(remainingMs)} left`,
  ]
    .filter((part) => part !== '')
    .join(' · ')
}

const describeSpent = ({ requests, promptTokens, completionTokens, money }: Spent): string =>
  `${requests} requests, ${(promptTokens + completionTokens).toLocaleString('en-US')} tokens${money > 0 ? `, ${money.toPrecision(2)}` : ''}`

function durationOf(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000)
  if (seconds < 100) return `${seconds} s`
  return seconds < 6000 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`
}
