import type { StepReport } from './types.ts'

/** Unbiased estimates from one step of several micro-batches. */
export interface GradientNoise {
  /** Of the true gradient: `|G|²`. May be negative where noise prevails. */
  readonly squaredNorm: number
  /** Variance of the gradient of one token, summed over all parameters: `tr Σ`. */
  readonly variance: number
}

/**
 * `|G|² = (B·|g_B|² − b·|g_b|²)/(B − b)`, `tr Σ = (|g_b|² − |g_B|²)/(1/b − 1/B)`, with B the tokens of the step, b those of a micro-batch
 * and `|g_b|²` the mean over micro-batches.
 * @see McCandlish et al. 2018, Appendix A.1
 */
export function gradientNoise(squares: readonly number[], weights: readonly number[], whole: number): GradientNoise {
  const big = weights.reduce((sum, weight) => sum + weight, 0)
  const small = big / weights.length
  const mean = squares.reduce((sum, square) => sum + square, 0) / squares.length
  return { squaredNorm: (big * whole - small * mean) / (big - small), variance: (mean - whole) / (1 / small - 1 / big) }
}

/**
 * The gradient noise scale `tr Σ / |G|²` over several reports, in tokens (without `tokens`, in micro-batches): the batch beyond which
 * more tokens a step hardly save steps. One step is far too noisy; some hundred are usual. NaN where no report has `gradientNoise`.
 * @see McCandlish et al. 2018, eq. 2.8
 */
export function gradientNoiseScale(reports: Iterable<Pick<StepReport, 'gradientNoise'>>): number {
  let [variance, squaredNorm] = [0, 0]
  for (const { gradientNoise: noise } of reports) {
    variance += noise?.variance ?? 0
    squaredNorm += noise?.squaredNorm ?? 0
  }
  return variance / squaredNorm
}
