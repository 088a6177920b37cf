import { ropeFrequencies } from './frequencies.ts'
import type { RopeOptions } from './rope.ts'

/**
 * Tokens in which each rotary pair makes one full turn: `λ_j = 2π/θ'_j`, `rotaryDim/2` entries, Infinity for a pair that does not turn.
 * The slowest pair of a 128-channel head takes 54,410 tokens at base 10,000 and 2,559,196 at 500,000.
 *
 * @throws whatever `ropeFrequencies` throws
 */
export const wavelengths = (rope: RopeOptions): Float64Array =>
  ropeFrequencies(rope).inverseFrequencies.map((theta) => (2 * Math.PI) / theta)
