import { checkNumber } from '../check.ts'
import type { Llama3Scaling } from '../rope.ts'
import type { Scaled, Shape } from './shape.ts'

/** Keep short wavelengths, divide long ones by `factor`, blend between; see `Llama3Scaling`. */
export function llama3({ factor, originalLength, lowFreqFactor = 1, highFreqFactor = 4 }: Llama3Scaling, { plain }: Shape): Scaled {
  const where = 'ropeFrequencies(llama3)'
  checkNumber(where, 'factor', factor)
  checkNumber(where, 'originalLength', originalLength)
  checkNumber(where, 'lowFreqFactor', lowFreqFactor)
  checkNumber(where, 'highFreqFactor', highFreqFactor, { above: lowFreqFactor })
  const inverseFrequencies = plain.map((theta) => {
    const wavelength = (2 * Math.PI) / theta
    if (wavelength < originalLength / highFreqFactor) return theta
    if (wavelength > originalLength / lowFreqFactor) return theta / factor
    const smooth = (originalLength / wavelength - lowFreqFactor) / (highFreqFactor - lowFreqFactor)
    return ((1 - smooth) * theta) / factor + smooth * theta
  })
  return { inverseFrequencies }
}
