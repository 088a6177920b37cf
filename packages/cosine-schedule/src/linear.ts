import { type DecayOptions, decaying, type Schedule } from './schedule.ts'

/**
 * Warm-up, then a straight line to the floor: `floor + (peak − floor)·(1 − x)`, with `x = (step − warmupSteps) / (totalSteps − warmupSteps)`.
 * @throws RangeError for options outside their ranges, and, from the schedule, for a negative step.
 * @see transformers `get_linear_schedule_with_warmup`
 */
export function linear(options: DecayOptions): Schedule {
  return decaying('linear', options, (since, span) => 1 - since / span)
}
