import fc from 'fast-check'
import { type RopeOptions, type RopeScaling, ropeFrequencies, wavelengths, XPOS_ABF, type YarnScaling } from 'rope-abf'
import { describe, expect, it } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { ropes } from './support.ts'

// Frequencies of transformers 5.23.0, its functions executed in float64: [case, options, attention factor, sum, { index: frequency }].
// golden.test.ts compares with the float32 ones of the package itself.
const longrope: RopeScaling = {
  kind: 'longrope',
  shortFactors: Array.from({ length: 48 }, (_, j) => 1 + 0.01 * j),
  longFactors: Array.from({ length: 48 }, (_, j) => 1 + 0.5 * j),
  originalLength: 4096,
  factor: 32,
}
const cases: [string, RopeOptions, number, number | null, Record<number, number>][] = [
  ['plain', { headDim: 128 }, 1, 7.4599541336, { 1: 0.8659643233601, 16: 0.1, 32: 0.01, 63: 1.154781984689e-4 }],
  [
    'ABF',
    { headDim: 128, scaling: { kind: 'abf' } },
    1,
    null,
    { 1: 0.8146172338565, 16: 3.760603093086e-2, 32: 1.414213562373e-3, 63: 2.455140791132e-6 },
  ],
  ['linear', { headDim: 128, scaling: { kind: 'linear', factor: 8 } }, 1, 0.9324942667, { 0: 0.125, 32: 1.25e-3, 63: 1.443477480862e-5 }],
  [
    'dynamic',
    { headDim: 128, scaling: { kind: 'dynamic', factor: 8, originalLength: 4096, sequenceLength: 32768 } },
    1,
    5.32300190174,
    { 1: 0.8121363897428, 32: 1.282705796891e-3, 63: 2.025933306473e-6 },
  ],
  [
    'YaRN',
    { headDim: 128, scaling: { kind: 'yarn', factor: 8, originalLength: 4096 } },
    1.2079441541679836,
    7.37154932966,
    { 16: 0.1, 21: 4.70579194992e-2, 32: 5.961538461538e-3, 42: 6.156450966622e-4, 48: 1.25e-4, 63: 1.443477480862e-5 },
  ],
  [
    'YaRN of Qwen 2.5',
    { headDim: 128, base: 1e6, scaling: { kind: 'yarn', factor: 4, originalLength: 32768 } },
    1.138629436111989,
    5.14403472174,
    { 21: 1.074607828321e-2, 32: 6.029411764706e-4, 42: 2.886954961724e-5, 63: 3.102344401879e-7 },
  ],
  [
    'YaRN of DeepSeek-V3',
    { headDim: 64, scaling: { kind: 'yarn', factor: 40, originalLength: 4096, mscale: 1, mscaleAllDim: 1 } },
    1,
    3.94893627408,
    { 8: 0.1, 10: 5.623413251903e-2, 16: 5.5e-3, 21: 4.149903984908e-4, 31: 3.333803580408e-6 },
  ],
  [
    'YaRN of gpt-oss',
    { headDim: 64, base: 150_000, scaling: { kind: 'yarn', factor: 32, originalLength: 4096, truncate: false } },
    1.3465735902799727,
    3.18043827693,
    { 8: 5.081327481546e-2, 10: 1.933500112654e-2, 16: 4.564839192232e-4, 31: 3.023511428119e-7 },
  ],
  [
    'Llama 3.1',
    { headDim: 128, base: 500_000, scaling: { kind: 'llama3', factor: 8, originalLength: 8192 } },
    1,
    5.38605820073,
    { 21: 1.349041989023e-2, 32: 5.24846160993e-4, 42: 2.274892860183e-5, 63: 3.068925988915e-7 },
  ],
  [
    'Llama 3.2',
    { headDim: 64, base: 500_000, scaling: { kind: 'llama3', factor: 32, originalLength: 8192 } },
    1,
    2.96820229784,
    { 8: 3.760603093086e-2, 16: 4.295567965594e-4, 21: 5.687232150457e-6, 31: 9.418306725435e-8 },
  ],
  [
    'LongRoPE, short',
    { headDim: 96, scaling: longrope },
    1.1902380714238083,
    5.48099049042,
    { 1: 0.817231866602, 24: 8.064516129032e-3, 47: 8.241684752575e-5 },
  ],
  [
    'LongRoPE, long',
    { headDim: 96, scaling: { ...longrope, sequenceLength: 4097 } },
    1.1902380714238083,
    2.7003697154,
    { 1: 0.5502694568453, 24: 7.692307692308e-4, 47: 4.945010851545e-6 },
  ],
  [
    'proportional',
    { headDim: 128, base: 1e6, rotaryFraction: 0.25, scaling: { kind: 'proportional' } },
    1,
    4.98757795132,
    { 1: 0.8058421877615, 8: 0.1778279410039, 16: 0, 40: 0, 63: 0 },
  ],
]

describe('ropeFrequencies', () => {
  it.each(cases)('%s', (_, rope, factor, sum, entries) => {
    const { inverseFrequencies, attentionFactor } = ropeFrequencies(rope)
    expectClose([attentionFactor], [factor], { rtol: 1e-15 })
    const indices = Object.keys(entries).map(Number)
    // the reference is given to twelve digits
    expectClose(
      indices.map((j) => inverseFrequencies[j]!),
      Object.values(entries),
      { rtol: 5e-12 },
    )
    if (sum === null) return
    expectClose([inverseFrequencies.reduce((total, theta) => total + theta, 0)], [sum], { rtol: 1e-10 })
  })

  it('NTK-by-parts, the ramp of the YaRN paper, and no temperature: the formula of Llama 3', () => {
    const scaling: YarnScaling = { kind: 'yarn', factor: 8, originalLength: 4096, ramp: 'rotations', attentionFactor: 1 }
    const { inverseFrequencies } = ropeFrequencies({ headDim: 128, scaling })
    const expected = { 16: 0.1, 21: 4.834673077e-2, 24: 2.146063374e-2, 32: 2.807778439e-3, 40: 4.900305207e-4, 48: 1.25e-4 }
    const near = { 45: 1.926592895e-4, 46: 1.66690179e-4 }
    for (const [j, theta] of Object.entries({ ...expected, ...near }))
      expectClose([inverseFrequencies[Number(j)]!], [theta], { rtol: 5e-10 })
    const llama3 = { kind: 'llama3', factor: 8, originalLength: 4096, lowFreqFactor: 1, highFreqFactor: 32 } as const
    expectClose(ropeFrequencies({ headDim: 128, scaling: llama3 }).inverseFrequencies, inverseFrequencies, { rtol: 1e-14 })
  })

  // Where the ramp of YaRN begins and ends, read off two frequencies inside it: θ'/θ = 1 − r·(1 − 1/factor), r = (j − low)/(high − low).
  it.each<[headDim: number, base: number, originalLength: number, raw: [number, number], whole: [number, number]]>([
    [128, 1e4, 4096, [20.94448, 45.02688], [20, 46]],
    [128, 1e6, 32768, [23.59595, 39.65088], [23, 40]],
    [64, 1e4, 4096, [10.47224, 22.51344], [10, 23]],
    [64, 150_000, 4096, [8.09278, 17.39802], [8, 18]],
  ])('YaRN ramp of %i channels, base %d, %i tokens', (headDim, base, originalLength, raw, whole) => {
    const ends = (truncate: boolean) => {
      const { inverseFrequencies } = ropeFrequencies({ headDim, base, scaling: { kind: 'yarn', factor: 8, originalLength, truncate } })
      const share = (j: number) => (1 - inverseFrequencies[j]! * base ** ((2 * j) / headDim)) / (1 - 1 / 8)
      const j = Math.round((raw[0] + raw[1]) / 2)
      const width = 1 / (share(j + 1) - share(j))
      const low = j - share(j) * width
      return [low, low + width]
    }
    expectClose(ends(false), raw, { atol: 6e-6 }) // five decimals given
    expectClose(ends(true), whole, { atol: 1e-9 })
  })

  it('the bases of static NTK, and the stretch that makes ABF of it', () => {
    const base = (factor: number) => ropeFrequencies({ headDim: 128, scaling: { kind: 'ntk', factor } }).series!.base
    expectClose([base(4), base(8), base(50 ** (126 / 128))], [40_889.942432, 82_684.622641, 500_000], { rtol: 2e-11 }) // six decimals given
  })

  it('NTK ends at the interpolated slowest frequency, dynamic NTK starts at the plain ones', () => {
    const last = (rope: RopeOptions) => ropeFrequencies(rope).inverseFrequencies.at(-1)!
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 64 }), fc.double({ min: 1, max: 100, noNaN: true }), (pairs, factor) => {
        const headDim = 2 * pairs
        const linear = last({ headDim, scaling: { kind: 'linear', factor } })
        expectClose([last({ headDim, scaling: { kind: 'ntk', factor } })], [linear], { rtol: 1e-12 })
        const { inverseFrequencies } = ropeFrequencies({ headDim, scaling: { kind: 'dynamic', factor, originalLength: 64 } })
        expectClose(inverseFrequencies, ropeFrequencies({ headDim }).inverseFrequencies, { rtol: 1e-14 })
      }),
    )
  })

  it('rotates the leading part of the head, in whole pairs', () => {
    const half = ropeFrequencies({ headDim: 64, rotaryFraction: 0.5 })
    expect(half.rotaryDim).toBe(32)
    expect(half.inverseFrequencies).toEqual(ropeFrequencies({ headDim: 32 }).inverseFrequencies)
    expect(ropeFrequencies({ headDim: 10, rotaryFraction: 0.5 })).toMatchObject({ rotaryDim: 6 }) // ⌊5⌋ rounded up to pairs
    expect(ropeFrequencies(ropes.proportional)).toMatchObject({ rotaryDim: 16 })
  })

  it('xPos: ζ by hand, base of the scaling before that of the options', () => {
    const { xpos, series } = ropeFrequencies({ headDim: 4, base: 7, scaling: XPOS_ABF })
    expectClose(xpos!.zeta, [0.8 / 1.8, (0.5 + 0.8) / 1.8], { rtol: 1e-15 })
    expect([xpos!.scaleBase, series!.base]).toEqual([4096, 500_000])
    const torchscale = ropeFrequencies({ headDim: 4, base: 7, scaling: { kind: 'xpos' } })
    expectClose(torchscale.xpos!.zeta, [0.4 / 1.4, 0.9 / 1.4], { rtol: 1e-15 })
    expect([torchscale.xpos!.scaleBase, torchscale.series!.base]).toEqual([512, 7])
  })
})

describe('wavelengths', () => {
  it('of the slowest pair: 54,410 at base 10,000; 2.56 M at 500,000; 5.06 M at 1,000,000', () => {
    const slowest = [1e4, 5e5, 1e6].map((base) => Math.round(wavelengths({ headDim: 128, base }).at(-1)!))
    expect(slowest).toEqual([54_410, 2_559_196, 5_063_256])
  })

  it('is infinite for a pair that does not turn', () => {
    expect(Array.from(wavelengths(ropes.proportional)).map(Number.isFinite)).toEqual([true, true, true, true, false, false, false, false])
  })
})

describe('ropeFrequencies refuses', () => {
  const headDim = 16
  const yarn = { kind: 'yarn', factor: 2, originalLength: 64 } as const
  const list = Array.from({ length: 8 }, () => 1)
  it.each<[RopeOptions, RegExp]>([
    [{ headDim: 0 }, /headDim is 0; it must be a whole number ≥ 2/],
    [{ headDim: 15 }, /headDim is 15; .*must be even. Pass 16 or 14/],
    [{ headDim, base: 1 }, /base is 1; it must be a finite number > 1/],
    [{ headDim, rotaryFraction: 0 }, /rotaryFraction is 0, which rotates 0 of 8 pairs/],
    [{ headDim, rotaryFraction: 1.5 }, /rotaryFraction is 1.5/],
    [{ headDim, scaling: { kind: 'abf', base: -1 } }, /\(abf\): base is -1/],
    [{ headDim, scaling: { kind: 'linear', factor: Number.NaN } }, /\(linear\): factor is NaN/],
    [{ headDim, scaling: { kind: 'ntk', factor: 0 } }, /\(ntk\): factor is 0/],
    [{ headDim: 2, scaling: { kind: 'ntk', factor: 2 } }, /2 channels are rotated; the exponent dim\/\(dim − 2\)/],
    [{ headDim, scaling: { kind: 'dynamic', factor: 2, originalLength: 0 } }, /\(dynamic\): originalLength is 0/],
    [{ headDim, scaling: { ...yarn, betaFast: 1 } }, /betaFast is 1; it must be a finite number > 1/],
    [{ headDim, scaling: { ...yarn, attentionFactor: 0 } }, /attentionFactor is 0/],
    [{ headDim, scaling: { ...yarn, mscale: 1, mscaleAllDim: 0 } }, /mscaleAllDim is 0/],
    [{ headDim, scaling: { kind: 'llama3', factor: 8, originalLength: 64, highFreqFactor: 1 } }, /highFreqFactor is 1; .*> 1/],
    [{ headDim, scaling: { ...longrope, shortFactors: list, longFactors: [1] } }, /longFactors has 1 entries for 8 rotary pairs/],
    [{ headDim, scaling: { ...longrope, shortFactors: [...list.slice(1), 0], longFactors: list } }, /shortFactors\[7\] is 0/],
    [{ headDim, scaling: { kind: 'proportional', factor: 0 } }, /\(proportional\): factor is 0/],
    [{ headDim, scaling: { kind: 'xpos', gamma: 0 } }, /gamma is 0/],
  ])('%j', (rope, message) => {
    expect(() => ropeFrequencies(rope)).toThrow(message)
  })

  it('a kind it does not know, naming those it does', () => {
    const rope = JSON.parse('{ "headDim": 16, "scaling": { "kind": "su" } }')
    expect(() => ropeFrequencies(rope)).toThrow(/kind "su" is unknown; it must be one of none, abf, linear.*fromHuggingFace/)
  })
})
