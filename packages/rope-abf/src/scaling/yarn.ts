import { checkNumber } from '../check.ts'
import type { YarnScaling } from '../rope.ts'
import type { Scaled, Shape } from './shape.ts'

const clamp01 = (x: number) => Math.min(1, Math.max(0, x))

/** `g(s, m) = 0.1·m·ln s + 1`, 1 for `s ≤ 1` (YaRN eq. 22; `m` is DeepSeek's addition). */
const temperature = (factor: number, mscale: number) => (factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1)

function attentionFactorOf({ factor, attentionFactor, mscale, mscaleAllDim }: YarnScaling): number {
  if (attentionFactor !== undefined) return attentionFactor
  if (mscale === undefined) return temperature(factor, 1)
  checkNumber('ropeFrequencies(yarn)', 'mscale', mscale)
  checkNumber('ropeFrequencies(yarn)', 'mscaleAllDim', mscaleAllDim)
  return temperature(factor, mscale) / temperature(factor, mscaleAllDim)
}

/** Share of interpolation of pair `j`, linear in the index `j` (published code, Hugging Face). */
function indexRamp({ originalLength, betaFast = 32, betaSlow = 1, truncate = true }: YarnScaling, { dim, base }: Shape) {
  const index = (turns: number) => (dim * Math.log(originalLength / (2 * Math.PI * turns))) / (2 * Math.log(base))
  const low = Math.max(0, truncate ? Math.floor(index(betaFast)) : index(betaFast))
  const top = Math.min(dim - 1, truncate ? Math.ceil(index(betaSlow)) : index(betaSlow))
  const high = top === low ? low + 0.001 : top
  return (j: number) => clamp01((j - low) / (high - low))
}

/** Share of interpolation of pair `j`, linear in the number of turns over the original length (paper, eq. 17–19). */
function rotationRamp({ originalLength, betaFast = 32, betaSlow = 1 }: YarnScaling, { plain }: Shape) {
  return (j: number) => 1 - clamp01(((originalLength * plain[j]!) / (2 * Math.PI) - betaSlow) / (betaFast - betaSlow))
}

/** `θ'_j = r_j·θ_j/factor + (1 − r_j)·θ_j`; see `YarnScaling` for the two ramps `r`. */
export function yarn(scaling: YarnScaling, shape: Shape): Scaled {
  const { factor, originalLength, betaFast = 32, betaSlow = 1, ramp = 'index' } = scaling
  const where = 'ropeFrequencies(yarn)'
  checkNumber(where, 'factor', factor)
  checkNumber(where, 'originalLength', originalLength)
  checkNumber(where, 'betaSlow', betaSlow)
  checkNumber(where, 'betaFast', betaFast, { above: betaSlow })
  const attentionFactor = attentionFactorOf(scaling)
  checkNumber(where, 'attentionFactor', attentionFactor)
  const share = ramp === 'index' ? indexRamp(scaling, shape) : rotationRamp(scaling, shape)
  const inverseFrequencies = shape.plain.map((theta, j) => (theta / factor) * share(j) + theta * (1 - share(j)))
  return { inverseFrequencies, attentionFactor }
}
