import { type Schedule, type WarmupOptions, warmedUp } from './schedule.ts'

/**
 * Warm-up, then `peak` for ever.
 * @throws RangeError for options outside their ranges, and, from the schedule, for a negative step.
 * @see transformers `get_constant_schedule_with_warmup`; optax `warmup_constant_schedule`
 */
export function constant(options: WarmupOptions): Schedule {
  return warmedUp('constant', options, () => options.peak)
}
