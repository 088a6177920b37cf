import { type DecayOptions, decaying, type Schedule } from './schedule.ts'

/**
 * Warm-up, then half a cosine: `floor + (peak − floor)·(1 + cos πx)/2`, with `x = (step − warmupSteps) / (totalSteps − warmupSteps)`.
 * @throws RangeError for options outside their ranges, and, from the schedule, for a negative step.
 * @see Loshchilov & Hutter 2017 (SGDR), eq. 5, without restarts; transformers `get_cosine_schedule_with_warmup`;
 * optax `warmup_cosine_decay_schedule`; torch `CosineAnnealingLR`
 */
export function cosine(options: DecayOptions): Schedule {
  return decaying('cosine', options, (since, span) => halfCosine(since / span))
}

/** Falls from 1 to 0 as x goes from 0 to 1. */
export const halfCosine = (x: number): number => (1 + Math.cos(Math.PI * x)) / 2
