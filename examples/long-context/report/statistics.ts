// Means over seeds with intervals. Three seeds are few: Student's t keeps the interval honest.

// two-sided 95 % quantiles of Student's t for 1 … 10 degrees of freedom (any table of it); beyond, the normal's 1.96 is near enough
const quantiles = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228]

export const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length

export interface Interval {
  readonly mean: number
  /** Half width of the 95 % interval over seeds; undefined for a single seed. */
  readonly half: number | undefined
}

/** `mean ± t·s/√n` over the values, one per seed. */
export function interval(values: readonly number[]): Interval {
  const middle = mean(values)
  if (values.length < 2) return { mean: middle, half: undefined }
  const variance = values.reduce((sum, x) => sum + (x - middle) ** 2, 0) / (values.length - 1)
  return { mean: middle, half: (quantiles[values.length - 2] ?? 1.96) * Math.sqrt(variance / values.length) }
}

/** `3.412 ± 0.02`, or `3.412` for a single seed. */
export function meanInterval(values: readonly number[], digits = 3): string {
  const { mean, half } = interval(values)
  if (!Number.isFinite(mean)) return '–'
  return half === undefined ? mean.toFixed(digits) : `${mean.toFixed(digits)} ± ${half.toFixed(digits)}`
}

/** Whether the intervals of two arms, paired by seed, exclude equality; undefined for a single seed. */
export function differs(a: readonly number[], b: readonly number[]): boolean | undefined {
  const { mean, half } = interval(a.map((x, i) => x - b[i]!))
  return half === undefined ? undefined : Math.abs(mean) > half
}
