import fc from 'fast-check'
import { attentionBottleneck, curriculumFlops, trainingFlops } from 'long-context-eval'
import { describe, expect, it } from 'vitest'

// 7B: 32 layers, 4,096 channels; 100,000 steps of 2²² tokens (Xiong et al. 2023, §2.1 and §4.4)
const llama7b = { layers: 32, hidden: 4096, tokens: 100_000 * 2 ** 22 }
const printed = (flops: number) => flops.toExponential(3)

describe('Table 10, every printed digit', () => {
  it('32k from scratch', () => expect(printed(trainingFlops({ ...llama7b, sequenceLength: 32_768 }))).toBe('3.783e+22'))

  it.each([
    [0.2, '3.405e+22', 0.1],
    [0.4, '3.026e+22', 0.2],
    [0.8, '2.270e+22', 0.4],
  ])('4k → 32k after %s of the training', (switchAt, flops, saving) => {
    const phases = [
      { sequenceLength: 4096, fraction: switchAt },
      { sequenceLength: 32_768, fraction: 1 - switchAt },
    ]
    const own = curriculumFlops({ ...llama7b, phases })
    expect(printed(own)).toBe(flops)
    // a 4k token costs exactly half a 32k token at h = 4096; "about 40 % saved" (§4.4) is the last row alone
    expect(1 - own / trainingFlops({ ...llama7b, sequenceLength: 32_768 })).toBeCloseTo(saving, 12)
  })
})

it('70B from 4k to 16k: 18.75 % fewer tokens per second by the formula', () => {
  // the paper measured a loss of about 17 % (§2.1); exact grouped-query and SwiGLU sizes would give 17.9 %, causal halving 10.2 %
  const perToken = (sequenceLength: number) => trainingFlops({ layers: 80, hidden: 8192, tokens: 1, sequenceLength })
  expect(1 - perToken(4096) / perToken(16_384)).toBeCloseTo(0.1875, 12)
})

it('attention costs as much as the rest at 6h tokens', () => {
  expect([4096, 5120, 8192].map(attentionBottleneck)).toEqual([24_576, 30_720, 49_152])
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 20_000 }), (layers, hidden) => {
      const flops = trainingFlops({ layers, hidden, sequenceLength: attentionBottleneck(hidden), tokens: 10 })
      expect(flops).toBe(10 * 2 * 72 * layers * hidden ** 2)
    }),
  )
})

it('refuses what is no size', () => {
  expect(() => trainingFlops({ ...llama7b, layers: 0, sequenceLength: 1 })).toThrow(
    'trainingFlops: layers is 0; it must be a whole number ≥ 1',
  )
  expect(() => trainingFlops({ ...llama7b, sequenceLength: 1.5 })).toThrow('sequenceLength is 1.5')
  expect(() => trainingFlops({ ...llama7b, sequenceLength: 1, tokens: Number.NaN })).toThrow('tokens is NaN')
  expect(() => curriculumFlops({ ...llama7b, phases: [{ sequenceLength: 1, fraction: 0.9 }] })).toThrow(
    'add up to 0.9; they must add up to 1',
  )
  expect(() => attentionBottleneck(-1)).toThrow(RangeError)
})
