import { checkNumber } from './check.ts'
import { ropeFrequencies } from './frequencies.ts'
import type { RopeOptions } from './rope.ts'

/**
 * Attention logit of a query and a key of ones at each distance `Δ` in tokens: how much of a perfect match is left when it is far away.
 *
 * `score(Δ) = (2/√d) · Σ_j ζ_j^(Δ/scaleBase) · cos(Δ·θ'_j) · attentionFactor²`, `ζ_j = 1` except for xPos, plus `(d − rotaryDim)/√d`
 * for channels that do not turn; `d = headDim`. `√d` at distance 0 unless `attentionFactor` says otherwise.
 *
 * A `dynamic` or `longrope` scaling is taken at its `sequenceLength`, not at each distance.
 *
 * @returns one score for each distance, in their order
 * @throws RangeError for a distance that is negative or not finite, and whatever `ropeFrequencies` throws
 * @see Xiong et al. 2023 (arXiv 2309.16039) Fig. 4, whose four curves this formula reproduces
 */
export function attentionDecay(rope: RopeOptions, distances: ArrayLike<number>): Float64Array {
  const { headDim, rotaryDim, inverseFrequencies, attentionFactor, xpos } = ropeFrequencies(rope)
  return Float64Array.from(distances, (distance, i) => {
    checkNumber('attentionDecay', `distances[${i}]`, distance, { inclusive: true })
    let turning = 0
    for (let j = 0; j < inverseFrequencies.length; j++) {
      const decay = xpos ? xpos.zeta[j]! ** (distance / xpos.scaleBase) : 1
      turning += decay * Math.cos(distance * inverseFrequencies[j]!)
    }
    return (2 * turning * attentionFactor ** 2 + headDim - rotaryDim) / Math.sqrt(headDim)
  })
}
