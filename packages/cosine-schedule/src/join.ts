import { checkSteps, type Schedule } from './schedule.ts'

/**
 * One schedule after another: `schedules[i]` runs from step `boundaries[i − 1]` to `boundaries[i] − 1` and sees the steps since its own start.
 * @throws TypeError for a schedule that is no function; RangeError unless there is one boundary less than schedules, rising from above 0.
 * @see optax `join_schedules`; torch `SequentialLR`
 */
export function join(schedules: readonly Schedule[], boundaries: readonly number[]): Schedule {
  const strange = schedules.findIndex((schedule) => typeof schedule !== 'function')
  if (strange >= 0) throw new TypeError(`join: schedules[${strange}] is ${schedules[strange]}; it must be a function of the step.`)
  if (boundaries.length !== schedules.length - 1)
    throw new RangeError(
      `join: ${schedules.length} schedules and ${boundaries.length} boundaries; give one boundary between each schedule and the next.`,
    )
  boundaries.forEach((boundary, i) => {
    checkSteps(`join: boundaries[${i}]`, boundary, (boundaries[i - 1] ?? 0) + 1)
  })
  return (step) => {
    const last = boundaries.findLastIndex((boundary) => step >= boundary)
    return schedules[last + 1]!(step - (boundaries[last] ?? 0))
  }
}
