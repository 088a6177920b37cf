import { checkNumber } from '../check.ts'
import type { DynamicScaling, NtkScaling } from '../rope.ts'
import { geometric, type Scaled, type Shape } from './shape.ts'

/** The geometric series of another base: ABF, and what NTK scalings come down to. */
export const newBase = (base: number, { dim, plain }: Shape): Scaled => ({
  inverseFrequencies: geometric(base, dim, plain.length),
  series: { base, interpolation: 1 },
})

function stretched(where: string, stretch: number, shape: Shape): Scaled {
  if (shape.dim <= 2) {
    throw new RangeError(`${where}: ${shape.dim} channels are rotated; the exponent dim/(dim − 2) needs more than 2. Use kind 'linear'.`)
  }
  return newBase(shape.base * stretch ** (shape.dim / (shape.dim - 2)), shape)
}

/** `base' = base · factor^(dim/(dim−2))`. */
export function ntk({ factor }: NtkScaling, shape: Shape): Scaled {
  checkNumber('ropeFrequencies(ntk)', 'factor', factor)
  return stretched('ropeFrequencies(ntk)', factor, shape)
}

/** `base' = base · (factor·S/L − (factor − 1))^(dim/(dim−2))`, `S ≥ L`. */
export function dynamic({ factor, originalLength, sequenceLength = originalLength }: DynamicScaling, shape: Shape): Scaled {
  const where = 'ropeFrequencies(dynamic)'
  checkNumber(where, 'factor', factor)
  checkNumber(where, 'originalLength', originalLength)
  checkNumber(where, 'sequenceLength', sequenceLength, { inclusive: true })
  const stretch = (factor * Math.max(sequenceLength, originalLength)) / originalLength - (factor - 1)
  return stretched(where, stretch, shape)
}
