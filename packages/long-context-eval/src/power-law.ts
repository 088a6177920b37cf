import { checkCount } from './checks.ts'
import { type PowerLaw, powerLawSolver } from './power-law-solver.ts'
import { pick, randomFrom } from './random.ts'

export interface PowerLawPoint {
  /** Tokens of context, > 0. */
  readonly context: number
  /** Mean loss in nats, > 0. */
  readonly loss: number
}

export interface FitPowerLawOptions {
  /** For each point the losses of the documents it is the mean of, the same documents in the same order: asks for intervals. */
  readonly samples?: readonly (readonly number[])[]
  /** Of the resampling; default 0. Same seed, same intervals. */
  readonly seed?: number
  /** Default 1000. */
  readonly resamples?: number
  /** Share of the resampled fits inside an interval; default 0.95. */
  readonly confidence?: number
}

export type Interval = readonly [low: number, high: number]

export interface PowerLawFit extends PowerLaw {
  /** `√mean((L − L(c))²)` over the points, in nats. */
  readonly rmse: number
  /** Percentile intervals over documents; only with `samples`. */
  readonly intervals?: { readonly alpha: Interval; readonly beta: Interval; readonly gamma: Interval }
}

const leastContexts = 4

/**
 * Fits `L(c) = (α/c)^β + γ`: the least squares on log L with `α, γ ≥ 0` and β in [0.02, 10], found globally. Where no falling curve is
 * better than a constant (flat or rising losses) the fit says so: `α = β = 0` and γ the geometric mean of the losses. A β at an end of its
 * range is not determined by the points: at 0.02 the loss falls like log c, at 10 all of its fall lies between the two shortest contexts.
 *
 * With `samples` also intervals: documents are drawn with replacement, the same ones at every context (their losses are correlated), and
 * each draw is fitted. They hold for the documents' variation, not for how well a power law describes the points: see `rmse` for that.
 *
 * Throws RangeError for fewer than 4 different contexts (three numbers are fitted), values that are not finite and > 0, and samples that
 * do not match the points.
 * @see Xiong et al. 2023, §3.1, Fig. 1. The paper does not say how it fitted; this objective comes closest to its printed numbers.
 */
export function fitPowerLaw(points: readonly PowerLawPoint[], options: FitPowerLawOptions = {}): PowerLawFit {
  checkPoints(points)
  const { samples, seed = 0, resamples = 1000, confidence = 0.95 } = options
  checkCount('fitPowerLaw: resamples', resamples)
  if (!(confidence > 0 && confidence < 1))
    throw new RangeError(`fitPowerLaw: confidence is ${confidence}; it must be between 0 and 1, such as 0.95.`)
  if (samples) checkSamples(samples, points.length)

  const solve = powerLawSolver(points.map(({ context }) => context))
  const law = solve(points.map(({ loss }) => loss))
  const squares = points.map(({ context, loss }) => (loss - powerLawLoss(law, context)) ** 2)
  const fit = { ...law, rmse: Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / points.length) }
  if (!samples) return fit

  const random = randomFrom(seed)
  const documents = samples[0]!.length
  const fits = Array.from({ length: resamples }, () => {
    const drawn = Array.from({ length: documents }, () => pick(documents, random))
    return solve(samples.map((losses) => drawn.reduce((sum, document) => sum + losses[document]!, 0) / documents))
  })
  const interval = (of: keyof PowerLaw): Interval => {
    const sorted = Float64Array.from(fits, (drawn) => drawn[of]).sort()
    return [quantile(sorted, (1 - confidence) / 2), quantile(sorted, (1 + confidence) / 2)]
  }
  return { ...fit, intervals: { alpha: interval('alpha'), beta: interval('beta'), gamma: interval('gamma') } }
}

/** `(α/c)^β + γ` in nats, and γ where `α = 0`. Doubling the context gives `L(2c) = 2^−β·L(c) + (1 − 2^−β)·γ`. */
export function powerLawLoss({ alpha, beta, gamma }: PowerLaw, context: number): number {
  return alpha === 0 ? gamma : (alpha / context) ** beta + gamma
}

/** Linear between order statistics. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1)
  const [low, high] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!]
  return low + (high - low) * (place - Math.floor(place))
}

const isPositive = (value: number) => value > 0 && value < Number.POSITIVE_INFINITY

function checkPoints(points: readonly PowerLawPoint[]): void {
  points.forEach(({ context, loss }, i) => {
    if (!isPositive(context)) throw new RangeError(`fitPowerLaw: context of point ${i} is ${context}; it must be a finite number > 0.`)
    if (!isPositive(loss)) throw new RangeError(`fitPowerLaw: loss of point ${i} is ${loss}; it must be finite and > 0 (nats).`)
  })
  const contexts = new Set(points.map(({ context }) => context)).size
  if (contexts < leastContexts)
    throw new RangeError(
      `fitPowerLaw: ${contexts} different contexts; three numbers are fitted, which needs at least ${leastContexts}. Measure more lengths.`,
    )
}

function checkSamples(samples: readonly (readonly number[])[], points: number): void {
  if (samples.length !== points)
    throw new RangeError(
      `fitPowerLaw: samples of ${samples.length} points for ${points} points; pass one list of documents' losses per point.`,
    )
  const documents = samples[0]!.length
  if (documents < 2) throw new RangeError(`fitPowerLaw: samples hold ${documents} document; intervals need at least 2. Leave samples out.`)
  samples.forEach((losses, i) => {
    if (losses.length !== documents)
      throw new RangeError(
        `fitPowerLaw: samples[${i}] holds ${losses.length} documents, samples[0] ${documents}; every point needs the same documents in the same order.`,
      )
    const bad = losses.findIndex((loss) => !isPositive(loss))
    if (bad >= 0) throw new RangeError(`fitPowerLaw: samples[${i}][${bad}] is ${losses[bad]}; losses must be finite and > 0 (nats).`)
  })
}
