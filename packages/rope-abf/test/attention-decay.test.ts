import fc from 'fast-check'
import { attentionDecay, baseForContext, type RopeOptions, rotate, XPOS_ABF } from 'rope-abf'
import { describe, expect, it } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import figure4 from './golden/figure-4.json' with { type: 'json' }
import { ropes } from './support.ts'

const headDim = 128
const curves = {
  rope: { headDim },
  pi8: { headDim, scaling: { kind: 'linear', factor: 8 } },
  abf: { headDim, scaling: { kind: 'abf' } },
  xposAbf: { headDim, scaling: XPOS_ABF },
  pi4: { headDim, scaling: { kind: 'linear', factor: 4 } },
  xpos: { headDim, scaling: { kind: 'xpos' } },
} satisfies Record<string, RopeOptions>
const names = ['rope', 'pi8', 'abf', 'xposAbf'] as const
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

describe('Figure 4', () => {
  it.each(Object.entries(curves))('%s', (name, rope) => {
    const golden: Record<string, number[]> = figure4.curves
    // four printed decimals, half a unit of the last and the rounding of this sum
    expectClose(attentionDecay(rope, figure4.distances), golden[name]!, { atol: 5.1e-5 })
  })

  it('means over windows of distances: plain RoPE is spent at 4k, ABF is not at 32k', () => {
    for (const [from, to, ...means] of figure4.windows) {
      const distances = range(from!, to!)
      const ours = names.map((name) => attentionDecay(curves[name], distances).reduce((sum, score) => sum + score, 0) / distances.length)
      expectClose(ours, means, { atol: 5.1e-5 })
    }
  })

  it('ranges far out: xPos ABF oscillates least', () => {
    for (const name of names) {
      const scores = attentionDecay(curves[name], range(16384, 32384))
      expectClose([Math.min(...scores), Math.max(...scores)], figure4.ranges[name], { atol: 5.1e-4 })
    }
  })
})

describe('attentionDecay', () => {
  it('is the score of two rotated vectors of ones, whatever the scaling', () => {
    const distance = fc.nat(30_000)
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(ropes)), distance, fc.nat(100), (rope, apart, start) => {
        const ones = new Float64Array(rope.headDim).fill(1)
        const query = rotate(ones, start + apart, rope, { role: 'query' })
        const key = rotate(ones, start, rope, { role: 'key' })
        const score = query.reduce((sum, q, i) => sum + q * key[i]!, 0) / Math.sqrt(rope.headDim)
        // float64, terms up to 1.5²; angles up to 3e4 lose five digits; xPos multiplies by ζ^n and ζ^−m, up to 1e3 apart at m = 100
        expectClose(attentionDecay(rope, [apart]), [score], { atol: 1e-9 })
      }),
    )
  })

  it('PI stretches the curve: score of PI at 8Δ = score of RoPE at Δ', () => {
    const distances = range(0, 2000)
    const stretched = distances.map((distance) => 8 * distance)
    // the same products up to rounding: 8Δ · (θ/8), exact in binary
    expect(attentionDecay(curves.pi8, stretched)).toEqual(attentionDecay(curves.rope, distances))
  })

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('refuses the distance %d', (distance) => {
    expect(() => attentionDecay({ headDim }, [0, distance])).toThrow(/distances\[1\] is .*must be a finite number ≥ 0/)
  })
})

describe('baseForContext', () => {
  it('gives what the paper found for 32k, and says that 10,000 is too small for 4k', () => {
    const base = baseForContext(32_768, 128)
    expect(base).toBeGreaterThan(400_000)
    expect(base).toBeLessThan(500_000)
    expect(baseForContext(4096, 128)).toBeGreaterThan(3 * 10_000)
  })

  // Of a normal variable two standard deviations above zero 2.3 % falls below; the far half of the window lies a little higher.
  it.each([64, 128, 256].flatMap((dim) => [1024, 4096, 16384, 32768].map((length) => [dim, length] as const)))(
    'head dimension %i, %i tokens: nearly every far distance scores above zero, though the mean has sunk to two deviations',
    (dim, length) => {
      const far = attentionDecay({ headDim: dim, base: baseForContext(length, dim) }, range(length / 2, length))
      const mean = far.reduce((sum, score) => sum + score, 0) / far.length
      const deviation = Math.sqrt(far.reduce((sum, score) => sum + (score - mean) ** 2, 0) / far.length)
      expect(far.filter((score) => score < 0).length / far.length).toBeLessThan(0.023)
      expect(mean / deviation).toBeGreaterThan(2)
      expect(mean / deviation).toBeLessThan(4)
    },
  )

  // The bound of Men et al. 2024 at head dimension 128: smallest base of two digits whose curve is nowhere negative, by a scan in NumPy
  it.each([
    [1024, 4.3e3],
    [2048, 1.6e4],
    [4096, 2.9e4],
    [8192, 8.4e4],
    [16384, 3.5e5],
    [32768, 6.3e5],
  ])('%i tokens: within a factor two of the smallest base without a negative score', (length, bound) => {
    expect(Math.abs(Math.log2(baseForContext(length, 128) / bound))).toBeLessThan(1)
  })

  it('grows with the length and shrinks with the head dimension', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 1 << 20 }), fc.integer({ min: 2, max: 512 }), (length, dim) => {
        expect(baseForContext(length + 1, dim)).toBeGreaterThan(baseForContext(length, dim))
        expect(baseForContext(length, dim + 1)).toBeLessThan(baseForContext(length, dim))
      }),
    )
  })

  it('refuses what is no length and no head dimension', () => {
    expect(() => baseForContext(1, 128)).toThrow(/length is 1; it must be a whole number ≥ 2/)
    expect(() => baseForContext(4096.5, 128)).toThrow(/length is 4096.5/)
    expect(() => baseForContext(4096, 0)).toThrow(/headDim is 0/)
  })
})
