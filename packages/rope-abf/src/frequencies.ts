import { checkNumber, checkWhole } from './check.ts'
import { withDefaults } from './defaults.ts'
import type { RopeOptions, RopeScaling } from './rope.ts'
import { llama3 } from './scaling/llama3.ts'
import { longrope } from './scaling/longrope.ts'
import { dynamic, newBase, ntk } from './scaling/new-base.ts'
import { geometric, type Scaled, type Shape } from './scaling/shape.ts'
import { yarn } from './scaling/yarn.ts'

/** Everything a rotation needs to know. */
export interface RopeFrequencies {
  readonly headDim: number
  /** Leading channels of the head that are rotated: twice the number of pairs. */
  readonly rotaryDim: number
  /** Angle of pair `j` per position, in radians; `rotaryDim/2` entries. 0 = the pair does not turn. */
  readonly inverseFrequencies: Float64Array
  /** Multiplies cos and sin of queries and keys; logits are multiplied by its square. 1 except for YaRN and LongRoPE. */
  readonly attentionFactor: number
  /** Set where the result is the geometric series `interpolation · base^(−2j/dim)`; null for the others. */
  readonly series: { readonly base: number; readonly interpolation: number } | null
  /** Set for xPos: queries × `zeta_j^(n/scaleBase)`, keys × `zeta_j^(−n/scaleBase)`. */
  readonly xpos: { readonly zeta: Float64Array; readonly scaleBase: number } | null
}

/** xPos ABF of Xiong et al. 2023, Fig. 4; γ and scale base are not printed there but recovered from the figure's vector curve. */
export const XPOS_ABF = { kind: 'xpos', base: 500_000, gamma: 0.8, scaleBase: 4096 } as const

function scale(scaling: RopeScaling, shape: Shape): Scaled {
  const where = `ropeFrequencies(${scaling.kind})`
  switch (scaling.kind) {
    case 'none':
      return { inverseFrequencies: shape.plain, series: { base: shape.base, interpolation: 1 } }
    case 'abf': {
      const { base = 500_000 } = scaling
      checkNumber(where, 'base', base, { above: 1 })
      return newBase(base, shape)
    }
    case 'linear': {
      checkNumber(where, 'factor', scaling.factor)
      return {
        inverseFrequencies: shape.plain.map((theta) => theta / scaling.factor),
        series: { base: shape.base, interpolation: 1 / scaling.factor },
      }
    }
    case 'ntk':
      return ntk(scaling, shape)
    case 'dynamic':
      return dynamic(scaling, shape)
    case 'yarn':
      return yarn(scaling, shape)
    case 'longrope':
      return longrope(scaling, shape)
    case 'llama3':
      return llama3(scaling, shape)
    case 'proportional': {
      const { factor = 1 } = scaling
      checkNumber(where, 'factor', factor)
      return { inverseFrequencies: shape.plain.map((theta) => theta / factor) }
    }
    case 'xpos': {
      const { base = shape.base } = scaling
      checkNumber(where, 'base', base, { above: 1 })
      return newBase(base, shape)
    }
    default:
      throw new RangeError(
        `ropeFrequencies: scaling kind ${JSON.stringify((scaling as { kind?: unknown }).kind)} is unknown; it must be one of none, abf, ` +
          'linear, ntk, dynamic, yarn, longrope, llama3, proportional, xpos. Read configs of other libraries with fromHuggingFace.',
      )
  }
}

function xposOf(scaling: RopeScaling, dim: number, pairs: number): RopeFrequencies['xpos'] {
  if (scaling.kind !== 'xpos') return null
  const { gamma = 0.4, scaleBase = 512 } = scaling
  checkNumber('ropeFrequencies(xpos)', 'gamma', gamma)
  checkNumber('ropeFrequencies(xpos)', 'scaleBase', scaleBase)
  return { zeta: Float64Array.from({ length: pairs }, (_, j) => ((2 * j) / dim + gamma) / (1 + gamma)), scaleBase }
}

/**
 * Angular step of each rotary pair, `θ_j = base^(−2j/dim)` changed as `scaling` says (each mode's formula stands at its type),
 * in float64, and the factor on cos and sin.
 *
 * `dim = ⌊headDim · rotaryFraction⌋`; an odd `dim` keeps its exponents and is rounded up to whole pairs, as in transformers.
 * `proportional` uses `dim = headDim` and gives the pairs beyond the fraction frequency 0.
 *
 * @throws RangeError for an odd or non-positive `headDim`, a `base ≤ 1`, a fraction outside (0, 1], and settings outside a mode's range
 * @see Su et al. 2021 (arXiv 2104.09864) §3.4.2; Xiong et al. 2023 (arXiv 2309.16039) §4.1
 */
export function ropeFrequencies(rope: RopeOptions): RopeFrequencies {
  const { headDim, base, rotaryFraction, scaling } = withDefaults(rope)
  checkWhole('ropeFrequencies', 'headDim', headDim, 2)
  if (headDim % 2 !== 0) {
    throw new RangeError(
      `ropeFrequencies: headDim is ${headDim}; channels turn in pairs, so it must be even. Pass ${headDim + 1} or ${headDim - 1}.`,
    )
  }
  checkNumber('ropeFrequencies', 'base', base, { above: 1 })
  const proportional = scaling.kind === 'proportional'
  const dim = proportional ? headDim : Math.trunc(headDim * rotaryFraction)
  const turning = proportional ? Math.floor((rotaryFraction * headDim) / 2) : Math.ceil(dim / 2)
  if (!(rotaryFraction > 0 && rotaryFraction <= 1 && turning >= 1)) {
    throw new RangeError(
      `ropeFrequencies: rotaryFraction is ${rotaryFraction}, which rotates ${turning} of ${headDim / 2} pairs; ` +
        'it must lie in (0, 1] and rotate at least one pair. Leave it out to rotate the whole head.',
    )
  }
  const { inverseFrequencies, attentionFactor = 1, series } = scale(scaling, { dim, base, plain: geometric(base, dim, turning) })
  const pairs = proportional ? headDim / 2 : turning
  const padded = new Float64Array(pairs)
  padded.set(inverseFrequencies)
  return {
    headDim,
    rotaryDim: 2 * pairs,
    inverseFrequencies: padded,
    attentionFactor,
    series: series ?? null,
    xpos: xposOf(scaling, dim, pairs),
  }
}
