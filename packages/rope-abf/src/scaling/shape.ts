/** What every scaling starts from. */
export interface Shape {
  /** Exponent denominator: rotated channels. */
  readonly dim: number
  readonly base: number
  /** `base^(−2j/dim)` for each pair. */
  readonly plain: Float64Array
}

/** What every scaling answers. */
export interface Scaled {
  readonly inverseFrequencies: Float64Array
  readonly attentionFactor?: number
  /** Set where the result is the geometric series `interpolation · base^(−2j/dim)`. */
  readonly series?: { readonly base: number; readonly interpolation: number }
}

/** `θ_j = base^(−2j/dim)` for `j < pairs`. */
export const geometric = (base: number, dim: number, pairs: number): Float64Array =>
  Float64Array.from({ length: pairs }, (_, j) => base ** ((-2 * j) / dim))
