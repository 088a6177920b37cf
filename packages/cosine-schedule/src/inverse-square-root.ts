import { checkSteps, type Schedule, type WarmupOptions, warmedUp } from './schedule.ts'

export interface InverseSquareRootOptions extends WarmupOptions {
  /** Steps after which the rate begins to fall noticeably, ≥ 1; default `warmupSteps`, or 10 000 without warm-up. */
  readonly timescale?: number
}

/**
 * Warm-up, then `peak · √(timescale / (timescale + step − warmupSteps))`; without end.
 * @throws RangeError for options outside their ranges, and, from the schedule, for a negative step.
 * @see Vaswani et al. 2017, §5.3; Raffel et al. 2020 (T5), §3.1.2; transformers `get_inverse_sqrt_schedule`
 */
export function inverseSquareRoot(options: InverseSquareRootOptions): Schedule {
  const { peak, warmupSteps = 0, timescale = warmupSteps || 10_000 } = options
  checkSteps('inverseSquareRoot: timescale', timescale, 1)
  return warmedUp('inverseSquareRoot', options, (since) => peak * Math.sqrt(timescale / (timescale + since)))
}
