/** Learning rate of a step. Steps count from 0, need not be whole, and may go beyond the end. */
export type Schedule = (step: number) => number

export interface WarmupOptions {
  /** The highest learning rate, > 0. */
  readonly peak: number
  /** Steps of the straight rise from 0: `peak · step / warmupSteps`; default 0. Step 0 then has rate 0, step `warmupSteps` has `peak`. */
  readonly warmupSteps?: number
}

export interface DecayOptions extends WarmupOptions {
  /** All steps, warm-up included. From this step on the rate is `floor`. */
  readonly totalSteps: number
  /** The rate at the end, in [0, peak]; default 0. */
  readonly floor?: number
}

/** Puts the warm-up before `after`, which sees the steps since the end of the warm-up. */
export function warmedUp(who: string, { peak, warmupSteps = 0 }: WarmupOptions, after: Schedule): Schedule {
  if (!(peak > 0 && peak < Number.POSITIVE_INFINITY)) throw new RangeError(`${who}: peak is ${peak}; it must be a finite number > 0.`)
  checkSteps(`${who}: warmupSteps`, warmupSteps, 0)
  return (step) => {
    if (!(step >= 0)) throw new RangeError(`${who}: step is ${step}; steps count from 0.`)
    return step < warmupSteps ? peak * (step / warmupSteps) : after(step - warmupSteps)
  }
}

/** Warm-up, then from `peak` to `floor` by `remaining`, which falls from 1 to 0 as the fraction of the steps after the warm-up grows. */
export function decaying(who: string, options: DecayOptions, remaining: (since: number, span: number) => number): Schedule {
  const { peak, totalSteps, warmupSteps = 0, floor = 0 } = options
  checkSteps(`${who}: totalSteps`, totalSteps, 1)
  if (warmupSteps > totalSteps)
    throw new RangeError(
      `${who}: warmupSteps is ${warmupSteps}, beyond totalSteps ${totalSteps}, which includes it. Raise one or lower the other.`,
    )
  if (!(floor >= 0 && floor <= peak)) throw new RangeError(`${who}: floor is ${floor}; it must lie in [0, peak ${peak}].`)
  const span = totalSteps - warmupSteps
  return warmedUp(who, options, (since) => (since < span ? floor + (peak - floor) * remaining(since, span) : floor))
}

export function checkSteps(what: string, steps: number, least: number): void {
  if (!Number.isSafeInteger(steps) || steps < least) throw new RangeError(`${what} is ${steps}; it must be a whole number ≥ ${least}.`)
}
