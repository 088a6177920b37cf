import { checkNumber } from '../check.ts'
import type { LongRopeScaling } from '../rope.ts'
import type { Scaled, Shape } from './shape.ts'

function checkFactors(name: string, factors: ArrayLike<number>, pairs: number): void {
  if (factors.length !== pairs) {
    throw new RangeError(
      `ropeFrequencies(longrope): ${name} has ${factors.length} entries for ${pairs} rotary pairs; there must be one for each pair. ` +
        'Pass rotaryDim/2 numbers, or correct headDim or rotaryFraction.',
    )
  }
  for (let j = 0; j < pairs; j++) checkNumber('ropeFrequencies(longrope)', `${name}[${j}]`, factors[j])
}

/** `θ'_j = θ_j / e_j` with the short or the long factors; see `LongRopeScaling`. */
export function longrope(scaling: LongRopeScaling, { plain }: Shape): Scaled {
  const { shortFactors, longFactors, originalLength, factor, sequenceLength = originalLength } = scaling
  const where = 'ropeFrequencies(longrope)'
  checkNumber(where, 'factor', factor)
  checkNumber(where, 'originalLength', originalLength, { above: 1 })
  checkNumber(where, 'sequenceLength', sequenceLength, { inclusive: true })
  checkFactors('shortFactors', shortFactors, plain.length)
  checkFactors('longFactors', longFactors, plain.length)
  const { attentionFactor = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalLength)) } = scaling
  checkNumber(where, 'attentionFactor', attentionFactor)
  const factors = sequenceLength > originalLength ? longFactors : shortFactors
  return { inverseFrequencies: plain.map((theta, j) => theta / factors[j]!), attentionFactor }
}
