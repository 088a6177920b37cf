import fc from 'fast-check'
import { type RopeOptions, ropeFrequencies, rotate, XPOS_ABF } from 'rope-abf'
import { describe, expect, it } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { ropes } from './support.ts'

const head = fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 16, maxLength: 16 })
const position = fc.nat(30_000)
const rope = fc.constantFrom<RopeOptions>(...Object.values(ropes))
const layout = fc.constantFrom('half' as const, 'interleaved' as const)
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0)
const isRotation = (rope: RopeOptions) => rope.scaling?.kind !== 'xpos'

describe('rotate', () => {
  it('turns pair j by position · θ_j, by hand', () => {
    // headDim 4, base 100: θ = 1, 0.1; at position 2 the angles are 2 and 0.2
    const options = { headDim: 4, base: 100 }
    const [c, s, d, t] = [Math.cos(2), Math.sin(2), Math.cos(0.2), Math.sin(0.2)]
    expectClose(rotate([1, 2, 3, 4], 2, options), [c - 3 * s, 2 * d - 4 * t, s + 3 * c, 2 * t + 4 * d], { rtol: 1e-14 })
    const interleaved = rotate([1, 3, 2, 4], 2, options, { layout: 'interleaved' })
    expectClose(interleaved, [c - 3 * s, s + 3 * c, 2 * d - 4 * t, 2 * t + 4 * d], { rtol: 1e-14 })
  })

  it('keeps the norm, up to attentionFactor', () => {
    fc.assert(
      fc.property(head, position, rope.filter(isRotation), layout, (x, n, rope, layout) => {
        const { attentionFactor: factor, rotaryDim } = ropeFrequencies(rope)
        const y = rotate(x, n, rope, { layout })
        const turning = x.slice(0, rotaryDim)
        const expected = dot(turning, turning) * factor ** 2 + dot(x.slice(rotaryDim), x.slice(rotaryDim))
        expectClose([dot(y, y)], [expected], { rtol: 1e-13, atol: 1e-300 }) // float64, sixteen terms
      }),
    )
  })

  it('makes scores depend on the distance only', () => {
    fc.assert(
      fc.property(head, head, position, position, fc.nat(2000), rope, layout, (q, k, i, j, shift, rope, layout) => {
        const score = (i: number, j: number) =>
          dot(rotate(q, i, rope, { layout, role: 'query' }), rotate(k, j, rope, { layout, role: 'key' }))
        // xPos multiplies by ζ^(i/4096) and ζ^(−j/4096), ζ ≥ 0.44, up to 550 each: the sum's rounding is relative to its largest term
        const atol = isRotation(rope) ? 1e-9 : 1e-7
        expectClose([score(i + shift, j + shift)], [score(i, j)], { atol })
      }),
    )
  })

  it('is undone by the opposite position', () => {
    fc.assert(
      fc.property(head, position, rope, layout, (x, n, rope, layout) => {
        const { attentionFactor, rotaryDim } = ropeFrequencies(rope)
        const role = 'query'
        const back = rotate(rotate(x, n, rope, { layout, role }), -n, rope, { layout, role })
        const expected = x.map((value, i) => (i < rotaryDim ? value * attentionFactor ** 2 : value))
        expectClose(back, expected, { atol: 1e-11 })
      }),
    )
  })

  it('PI by 1/8 at position 8n is RoPE at position n', () => {
    fc.assert(
      fc.property(head, position, (x, n) => {
        expect(rotate(x, 8 * n, ropes.linear)).toEqual(rotate(x, n, ropes.none)) // division by 8 is exact
      }),
    )
  })

  it('refuses another size, a position that is no number, xPos without a role', () => {
    expect(() => rotate([1, 2], 0, { headDim: 4 })).toThrow(/x has 2 entries for headDim 4/)
    expect(() => rotate([1, 2], Number.NaN, { headDim: 2 })).toThrow(/position is NaN/)
    expect(() => rotate([1, 2], 0, { headDim: 2, scaling: XPOS_ABF })).toThrow(/role: 'query' or 'key'/)
  })
})
