/** A power law `L(c) = (α/c)^β + γ`. */
export interface PowerLaw {
  /** Context at which the reducible part of the loss is 1 nat, in tokens. */
  readonly alpha: number
  /** How fast more context helps: doubling it multiplies the reducible part by `2^−β`. */
  readonly beta: number
  /** The loss that no context removes, in nats. */
  readonly gamma: number
}

const betaRange = [0.02, 10] as const
// a fall of less than a millionth of the loss is no fall: losses are float32
const leastShare = 1e-6

// log-spaced exponents, and shares t from almost flat to γ = 0
const gridBetas = Array.from({ length: 32 }, (_, k) => betaRange[0] * (betaRange[1] / betaRange[0]) ** (k / 31))
const gridShares = [0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.997, 0.999, 1]

/**
 * A function that fits losses at the given contexts: the least squares on log L with `α, γ ≥ 0` and β in [0.02, 10].
 *
 * With `x = (c/c₀)^−β`, `c₀` the smallest context, the law is `L = s·(1 − t + t·x)`: `s` is the loss at `c₀`, `t` in [0, 1] the share of it
 * that context can remove. The best `s` has a closed form, `log s = mean(log L − f)` with `f = log(1 − t + t·x)`, so two bounded numbers
 * are left: a grid over β and t, whose `f` do not depend on the losses and are computed once, finds the valley, and Levenberg–Marquardt
 * goes down it.
 */
export function powerLawSolver(contexts: readonly number[]): (losses: readonly number[]) => PowerLaw {
  const smallest = Math.min(...contexts)
  const logRatios = contexts.map((context) => Math.log(context / smallest))
  const grid = gridBetas.flatMap((beta) => gridShares.map((share) => ({ beta, share, shape: centred(shapeOf(logRatios, beta, share)) })))
  const tangents = gridBetas.map((beta) => ({ beta, direction: centred(logRatios.map((ratio) => Math.exp(-beta * ratio) - 1)) }))

  return (losses) => {
    const logs = losses.map(Math.log)
    const target = centred(logs)
    const flat = dot(target, target)
    const constant: PowerLaw = { alpha: 0, beta: 0, gamma: Math.exp(mean(logs)) }

    let start = { beta: 0, share: 0, error: flat }
    const consider = (beta: number, share: number, shape: Float64Array) => {
      const error = squaredDistance(target, shape)
      if (error < start.error) start = { beta, share, error }
    }
    for (const { beta, share, shape } of grid) consider(beta, share, shape)
    // where the loss hardly falls every grid point overshoots; there f is linear in t, and the best t is a projection
    if (start.share <= gridShares[0]!)
      for (const { beta, direction } of tangents) {
        const share = dot(target, direction) / dot(direction, direction)
        if (share > leastShare && share < gridShares[0]!) consider(beta, share, centred(shapeOf(logRatios, beta, share)))
      }
    if (start.error >= flat) return constant

    const { beta, share } = descend(logRatios, target, start)
    const logScale = mean(logs) - mean(shapeOf(logRatios, beta, share))
    const alpha = smallest * Math.exp((logScale + Math.log(share)) / beta)
    return share < leastShare || alpha === 0 ? constant : { alpha, beta, gamma: Math.exp(logScale) * (1 - share) }
  }
}

interface Place {
  readonly beta: number
  readonly share: number
  readonly error: number
}

/** Levenberg–Marquardt in (log β, t), both kept in their ranges; a coordinate at its bound is held while the error falls outwards. */
function descend(logRatios: readonly number[], target: Float64Array, start: Place): Place {
  let place = start
  let damping = 1e-3
  for (let step = 0; step < 200 && damping < 1e12; step++) {
    const { beta, share, error } = place
    const powers = logRatios.map((ratio) => Math.exp(-beta * ratio))
    const residual = subtract(target, centred(shapeOf(logRatios, beta, share)))
    const byBeta = centred(powers.map((x, i) => (-share * beta * logRatios[i]! * x) / (1 - share + share * x)))
    const byShare = centred(powers.map((x) => (x - 1) / (1 - share + share * x)))
    let [gradientBeta, gradientShare] = [dot(byBeta, residual), dot(byShare, residual)]
    if ((beta <= betaRange[0] && gradientBeta < 0) || (beta >= betaRange[1] && gradientBeta > 0)) gradientBeta = 0
    if (share >= 1 && gradientShare > 0) gradientShare = 0
    const cross = gradientBeta === 0 || gradientShare === 0 ? 0 : dot(byBeta, byShare)
    const [a, b] = [dot(byBeta, byBeta) * (1 + damping), dot(byShare, byShare) * (1 + damping)]
    const determinant = a * b - cross * cross
    const nextBeta = clamp(beta * Math.exp((b * gradientBeta - cross * gradientShare) / determinant), ...betaRange)
    const nextShare = clamp(share + (a * gradientShare - cross * gradientBeta) / determinant, 0, 1)
    const nextError = squaredDistance(target, centred(shapeOf(logRatios, nextBeta, nextShare)))
    if (nextError < error) place = { beta: nextBeta, share: nextShare, error: nextError }
    if (Math.abs(nextBeta - beta) < 1e-9 * beta && Math.abs(nextShare - share) < 1e-9) break
    damping = nextError < error ? Math.max(1e-12, damping / 10) : damping * 10
  }
  return place
}

/** `f = log(1 − t + t·x)`, `x = (c/c₀)^−β`. */
function shapeOf(logRatios: readonly number[], beta: number, share: number): number[] {
  return logRatios.map((ratio) => Math.log(1 - share + share * Math.exp(-beta * ratio)))
}

const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value))

function mean(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]!
  return sum / values.length
}

function centred(values: readonly number[]): Float64Array {
  const middle = mean(values)
  return Float64Array.from(values, (value) => value - middle)
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

function squaredDistance(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2
  return sum
}

const subtract = (a: Float64Array, b: Float64Array) => a.map((value, i) => value - b[i]!)
