import { ropeFrequencies } from './frequencies.ts'
import type { RopeOptions } from './rope.ts'

/** How far apart a RoPE holds the images of neighbouring positions. */
export interface Granularity {
  /**
   * `C̄_d = (2/d)·Σ_j sin φ_j`, `d` rotated channels: the sine of the angle between the images of one vector at positions n and n + 1 if its
   * pairs have equal length. For any vector `x` of those channels it lies between `C̄_d · d · min_k x_k² / ‖x‖²` and
   * `C̄_d · d · max_k x_k² / ‖x‖²`.
   */
  readonly exact: number
  /** For `d → ∞`; null unless the frequencies are a geometric series `α·B^(−2j/d)` (plain, ABF, PI, NTK). */
  readonly asymptotic: {
    /** `lim C̄_d = (1/ln B) · ∫ sin(u)/u du` from `α/B` to `α`. */
    readonly limit: number
    /** `α/ln B`: what the paper gives as the limit, 0.076 for ABF and 0.027 for PI; the limit for `α ≪ 1 ≪ B`. */
    readonly leadingTerm: number
    /** `(α/ln B)·[(B − 1)/B − (α/π)(B² − 1)/B²] ≤ limit`, from `u(1 − u/π) ≤ sin u`. */
    readonly lowerBound: number
    /** `limit ≤ (α/ln B)·(B − 1)/B`, from `sin u ≤ u`. At finite `d`, `exact` may lie above it. */
    readonly upperBound: number
  } | null
}

/** `∫₀ˣ sin(u)/u du = x − x³/(3·3!) + x⁵/(5·5!) − …`; alternating, exact to rounding for the angles up to a turn that occur here. */
function sineIntegral(x: number): number {
  let sum = 0
  for (let n = 1, power = x; Math.abs(power) > 1e-18 * Math.abs(sum); n += 2, power *= (-x * x) / ((n - 1) * n)) sum += power / n
  return sum
}

/**
 * Granularity of a RoPE: the larger, the better it tells neighbouring positions apart. Falls linearly in the interpolation `α` of PI, only
 * logarithmically in the base `B` of ABF, which is why ABF (0.076) beats PI (0.027) at the same stretch.
 *
 * This is Theorem 1 in the form that holds. As printed, (1) its upper bound on sin∠ lacks a factor 2, for
 * `x²_{2j} + x²_{2j+1} ≤ 2·max_k x_k²`: for a vector of ones (d = 128, ABF) sin∠ is 0.0788 and the printed bound 0.0394; and (2)
 * `C_d = Σ_j sin φ_j` grows like `d/2` and has no limit, the limits stated belong to `C̄_d = (2/d)·C_d`, used here.
 *
 * @throws RangeError for xPos, which does not preserve norms; and whatever `ropeFrequencies` throws
 * @see Xiong et al. 2023 (arXiv 2309.16039) appendix B, Theorem 1
 */
export function granularity(rope: RopeOptions): Granularity {
  const { inverseFrequencies, series, xpos } = ropeFrequencies(rope)
  if (xpos) {
    throw new RangeError(
      "granularity: scaling is 'xpos', which changes lengths; the measure is for rotations. Pass its base as kind 'abf'.",
    )
  }
  const exact = inverseFrequencies.reduce((sum, angle) => sum + Math.sin(angle), 0) / inverseFrequencies.length
  if (!series) return { exact, asymptotic: null }
  const { base, interpolation } = series
  const leadingTerm = interpolation / Math.log(base)
  return {
    exact,
    asymptotic: {
      limit: (sineIntegral(interpolation) - sineIntegral(interpolation / base)) / Math.log(base),
      leadingTerm,
      lowerBound: leadingTerm * ((base - 1) / base - ((interpolation / Math.PI) * (base ** 2 - 1)) / base ** 2),
      upperBound: (leadingTerm * (base - 1)) / base,
    },
  }
}
