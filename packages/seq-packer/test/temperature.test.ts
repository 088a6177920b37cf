import fc from 'fast-check'
import { temperatureWeights } from 'seq-packer'
import { expect, it } from 'vitest'

const sizes = fc.array(fc.integer({ min: 1, max: 1e12 }), { minLength: 1, maxLength: 6 })
const named = (counts: readonly number[]) => Object.fromEntries(counts.map((count, i) => [`s${i}`, count]))

it('temperatureWeights: natural shares at 1, square roots at 2, equal at Infinity; one in sum, in the order of the sizes', () => {
  expect(temperatureWeights({ a: 1, b: 3 }, 1)).toEqual({ a: 0.25, b: 0.75 })
  const roots = temperatureWeights({ a: 4, b: 36 }, 2)
  expect(roots.a).toBeCloseTo(0.25, 12)
  expect(roots.b).toBeCloseTo(0.75, 12)
  expect(temperatureWeights({ a: 1, b: 999 }, Number.POSITIVE_INFINITY)).toEqual({ a: 0.5, b: 0.5 })
  fc.assert(
    fc.property(sizes, fc.double({ min: 0.01, max: 100, noNaN: true }), (counts, temperature) => {
      const weights = Object.values(temperatureWeights(named(counts), temperature))
      expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 9)
      counts.forEach((count, i) => {
        for (const [k, other] of counts.entries()) if (count > other) expect(weights[i]!).toBeGreaterThanOrEqual(weights[k]!)
      })
    }),
  )
})

it('temperatureWeights names what cannot be weighed', () => {
  expect(() => temperatureWeights({ a: 1 }, 0)).toThrow('temperatureWeights: temperature is 0; it must be > 0, or Infinity.')
  expect(() => temperatureWeights({ a: 0 }, 1)).toThrow("temperatureWeights: source 'a' has 0 tokens; it must be a finite number > 0.")
})
