import fc from 'fast-check'
import { granularity, type RopeOptions, rotate, XPOS_ABF } from 'rope-abf'
import { describe, expect, it } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'

const abf = (headDim: number): RopeOptions => ({ headDim, scaling: { kind: 'abf' } })
const pi = (headDim: number, factor: number): RopeOptions => ({ headDim, scaling: { kind: 'linear', factor } })

describe('granularity', () => {
  it.each([
    [64, [0.085829, 0.116263, 0.031093, 0.015599]],
    [128, [0.078816, 0.109383, 0.029025, 0.014556]],
    [1024, [0.072921, 0.103532, 0.027289, 0.013681]],
  ])('C̄ of %i channels: ABF, RoPE, PI 1/4, PI 1/8', (d, expected) => {
    const exact = [abf(d), { headDim: d }, pi(d, 4), pi(d, 8)].map((rope) => granularity(rope).exact)
    expectClose(exact, expected, { atol: 5.1e-7 }) // six decimals given
  })

  it('the limits: as an integral, as the paper prints them, and their bounds', () => {
    const [ours, plain, quarter, eighth] = [abf(128), { headDim: 128 }, pi(128, 4), pi(128, 8)].map((rope) => granularity(rope).asymptotic!)
    const all = [ours!, plain!, quarter!, eighth!]
    const limits = all.map(({ limit }) => limit)
    const leading = all.map(({ leadingTerm }) => leadingTerm)
    expectClose(limits, [0.072097, 0.102709, 0.027047, 0.013559], { atol: 5.1e-7 })
    expectClose(leading, [0.076206, 0.108574, 0.027143, 0.013572], { atol: 5.1e-7 }) // "0.076" and "0.027" in the paper
    expectClose([ours!.lowerBound, ours!.upperBound], [0.051949, 0.076206], { atol: 5.1e-7 })
    expectClose([quarter!.lowerBound, quarter!.upperBound], [0.024981, 0.027141], { atol: 5.1e-7 })
    expectClose([eighth!.lowerBound, eighth!.upperBound], [0.01303, 0.01357], { atol: 5.1e-7 })
  })

  it('converges to its limit, which lies within its bounds', () => {
    const base = fc.double({ min: 100, max: 1e8, noNaN: true })
    const factor = fc.double({ min: 1, max: 64, noNaN: true })
    fc.assert(
      fc.property(base, factor, (base, factor) => {
        const { exact, asymptotic } = granularity({ headDim: 1 << 16, base, scaling: { kind: 'linear', factor } })
        const { limit, lowerBound, upperBound } = asymptotic!
        // a left Riemann sum of sin(α·B^−x) over [0, 1] with d/2 = 2^15 steps is off by at most its total variation, ≤ α, over d/2
        expectClose([exact], [limit], { atol: 1 / factor / 2 ** 15 })
        expect(lowerBound).toBeLessThan(limit)
        expect(limit).toBeLessThan(upperBound)
      }),
    )
  })

  const sine = (x: readonly number[], rope: RopeOptions) => {
    const [a, b] = [rotate(x, 8, rope, { layout: 'interleaved' }), rotate(x, 7, rope, { layout: 'interleaved' })]
    const imaginary = x.reduce((sum, _, i) => (i % 2 === 0 ? sum + a[i + 1]! * b[i]! - a[i]! * b[i + 1]! : sum), 0)
    return imaginary / x.reduce((sum, value) => sum + value ** 2, 0)
  }

  it('is the sine between neighbouring images of ones; the bound as printed in Theorem 1 is below it', () => {
    const d = 128
    const ones = Array.from({ length: d }, () => 1)
    const { exact } = granularity(abf(d))
    expectClose([sine(ones, abf(d))], [exact], { rtol: 1e-12 })
    const printed = (1 / d) * ((d / 2) * exact) // max_k x_k²/‖x‖² · Σ sin φ_j: without the factor 2
    expectClose([printed], [0.039408], { atol: 5.1e-7 })
    expect(exact).toBeGreaterThan(printed)
  })

  it('bounds the sine of any vector by its smallest and largest square', () => {
    const rope = abf(8)
    const { exact } = granularity(rope)
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.1, max: 3, noNaN: true }), { minLength: 8, maxLength: 8 }), (x) => {
        const squares = x.map((value) => value ** 2)
        const norm = squares.reduce((sum, square) => sum + square, 0)
        const s = sine(x, rope)
        expect(s).toBeGreaterThanOrEqual(((Math.min(...squares) * 8) / norm) * exact - 1e-12)
        expect(s).toBeLessThanOrEqual(((Math.max(...squares) * 8) / norm) * exact + 1e-12)
      }),
    )
  })

  it('has no limit where frequencies are no geometric series, and refuses xPos', () => {
    const scaling = { kind: 'llama3', factor: 8, originalLength: 8192 } as const
    const { exact, asymptotic } = granularity({ headDim: 128, scaling })
    expect(exact).toBeGreaterThan(0)
    expect(asymptotic).toBeNull()
    expect(() => granularity({ headDim: 128, scaling: XPOS_ABF })).toThrow(/'xpos'.*kind 'abf'/)
  })
})
