import { halfCosine } from './cosine.ts'
import { checkSteps, type DecayOptions, decaying, type Schedule } from './schedule.ts'

export interface CosineRestartsOptions extends DecayOptions {
  /** Cycles of equal length after the warm-up, each a half cosine that begins at `peak`. */
  readonly numCycles: number
}

/**
 * Warm-up, then `numCycles` half cosines: `floor + (peak − floor)·(1 + cos π(numCycles·x mod 1))/2`, with
 * `x = (step − warmupSteps) / (totalSteps − warmupSteps)`. For cycles that grow, `join` cosines.
 * @throws RangeError for options outside their ranges, and, from the schedule, for a negative step.
 * @see Loshchilov & Hutter 2017 (SGDR), eq. 5; transformers `get_cosine_with_hard_restarts_schedule_with_warmup`;
 * torch `CosineAnnealingWarmRestarts`
 */
export function cosineRestarts(options: CosineRestartsOptions): Schedule {
  const { numCycles } = options
  checkSteps('cosineRestarts: numCycles', numCycles, 1)
  // the remainder of whole numbers is exact: no restart comes a step late
  return decaying('cosineRestarts', options, (since, span) => halfCosine(((numCycles * since) % span) / span))
}
