import type { History } from './history.ts'

/**
 * What happens at a fault: 'throw' ends the run with the parameters of the step before; 'skip' goes on without this update; 'rollback'
 * goes back to the newest whole checkpoint and on with the batches that come next, so that those which led to the fault are passed over.
 * @see Chowdhery et al. 2022 (PaLM), §5.1 (restart before a spike, skip the batches around it)
 */
export type Reaction = 'throw' | 'skip' | 'rollback'

/** A value counts as a spike above `median + deviations · 1.4826 · MAD` of the last `window` updates; MAD is the median distance to the median. */
export interface SpikeRule {
  readonly reaction: Reaction
  /** Standard deviations of normal noise; > 0, default 10. */
  readonly deviations?: number
  /** Updates that are looked back on; nothing is a spike before half as many. Default 100. */
  readonly window?: number
}

export interface FaultOptions {
  /** NaN or infinity in loss or gradient, or a step without loss tokens; default 'throw'. */
  readonly nonFinite?: Reaction
  /** Default: no rule. */
  readonly lossSpike?: SpikeRule
  /** For exploding gradients, which clipping alone would hide. Default: no rule. */
  readonly normSpike?: SpikeRule
  /** Rollbacks until the run must have passed the faulty step; one more throws. Default 3. */
  readonly maxRollbacks?: number
}

export interface Fault {
  readonly reason: string
  readonly reaction: Reaction
}

interface Measured {
  readonly loss: number
  readonly norm: number
  readonly problem?: string
}

/** What is wrong with a step, if anything, and what to do. */
export function faultOf({ loss, norm, problem }: Measured, { losses, norms }: History, faults: FaultOptions): Fault | undefined {
  const { nonFinite = 'throw', lossSpike, normSpike } = faults
  if (problem !== undefined) return { reason: problem, reaction: nonFinite }
  return spike('the loss', loss, losses, lossSpike) ?? spike('the gradient norm', norm, norms, normSpike)
}

function spike(what: string, value: number, before: readonly number[], rule: SpikeRule | undefined): Fault | undefined {
  if (!rule) return undefined
  const { reaction, deviations = 10, window = 100 } = rule
  const recent = before.slice(-window)
  if (recent.length < window / 2) return undefined
  const middle = median(recent)
  const limit = middle + deviations * 1.4826 * median(recent.map((one) => Math.abs(one - middle)))
  if (value <= limit) return undefined
  const reason = `${what} is ${value.toPrecision(5)}, above ${limit.toPrecision(5)} (median ${middle.toPrecision(5)} of ${recent.length} updates and ${deviations} deviations)`
  return { reason, reaction }
}

/** How many updates the rules look back on. */
export const windowOf = ({ lossSpike, normSpike }: FaultOptions): number =>
  Math.max(...[lossSpike, normSpike].map((rule) => (rule ? (rule.window ?? 100) : 0)))

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2
}
