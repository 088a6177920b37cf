import { attention, flashAttention } from 'flash-attn-tfjs'
import { describe, expect, test } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { makeInputs, packedIds, run, runOracle } from './support/cases.ts'
import type { OracleProblem } from './support/oracle.ts'

// float32 sums of at most 600 terms of size ≤ 3: a few hundred rounding errors of 6e-8, most of which cancel
const tolerance = { atol: 2e-5, rtol: 2e-5 }

const ids = packedIds(5, 2, 90, 20, 7)
const cases: Record<string, OracleProblem> = {
  'full, one tile': { B: 2, T: 33, S: 33, H: 2, K: 2, D: 8, causal: false },
  'causal, grouped queries': { B: 2, T: 40, S: 40, H: 4, K: 2, D: 8, causal: true },
  'causal over several tiles, odd length': { B: 1, T: 523, S: 523, H: 2, K: 1, D: 4, causal: true },
  'short query, long key': { B: 1, T: 3, S: 300, H: 2, K: 1, D: 5, causal: true },
  'more queries than keys: the first see none': { B: 1, T: 20, S: 12, H: 1, K: 1, D: 8, causal: true },
  'window, causal': { B: 1, T: 300, S: 310, H: 2, K: 2, D: 4, causal: true, window: 17 },
  'window, both sides': { B: 1, T: 300, S: 300, H: 1, K: 1, D: 4, causal: false, window: 30 },
  'softcap and scale': { B: 1, T: 50, S: 50, H: 2, K: 1, D: 8, causal: true, softcap: 2, scale: 0.9 },
  'packed segments with padding': { B: 2, T: 90, S: 90, H: 2, K: 1, D: 8, causal: true, queryIds: ids, keyIds: ids },
  'everything at once': { B: 2, T: 90, S: 90, H: 4, K: 2, D: 4, causal: true, window: 9, softcap: 3, queryIds: ids, keyIds: ids },
}

describe.each([
  ['attention', attention],
  ['flashAttention, composed', flashAttention],
] as const)('%s equals the float64 definition, values and gradients', (_, attend) => {
  test.each(Object.entries(cases))('%s', (_, problem) => {
    const inputs = makeInputs(problem, 11)
    const actual = run(attend, problem, inputs)
    const expected = runOracle(problem, inputs)
    for (const part of ['out', 'dQuery', 'dKey', 'dValue'] as const) expectClose(actual[part], expected[part], tolerance)
    expect(expected.out.some((x) => x !== 0)).toBe(true)
  })
})
