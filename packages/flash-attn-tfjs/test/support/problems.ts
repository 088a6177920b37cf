import fc from 'fast-check'
import { flashAttention } from 'flash-attn-tfjs'
import { expect } from 'vitest'
import { expectClose, type Tolerance } from '../../../../test/support/close.ts'
import { makeInputs, packedIds, run, runOracle } from './cases.ts'
import type { OracleProblem } from './oracle.ts'

export const parts = ['out', 'dQuery', 'dKey', 'dValue'] as const

/** Runs `flashAttention` on 60 random shapes and masks, with head dims from `headDim`, against the float64 definition. */
export function expectRandomProblems(headDim: fc.Arbitrary<number>, tolerance: Tolerance): void {
  const problems = fc.record({
    B: fc.integer({ min: 1, max: 3 }),
    T: fc.integer({ min: 1, max: 140 }),
    extra: fc.integer({ min: -10, max: 140 }),
    K: fc.integer({ min: 1, max: 2 }),
    G: fc.integer({ min: 1, max: 3 }),
    D: headDim,
    causal: fc.boolean(),
    window: fc.option(fc.integer({ min: 1, max: 150 }), { nil: undefined }),
    softcap: fc.option(fc.constantFrom(0.5, 5, 50), { nil: undefined }),
    scale: fc.option(fc.constantFrom(0.1, 1), { nil: undefined }),
    padding: fc.option(fc.integer({ min: 0, max: 70 }), { nil: undefined }),
    seed: fc.nat(1e6),
  })
  fc.assert(
    fc.property(problems, ({ extra, G, padding, seed, ...rest }) => {
      const S = Math.max(1, rest.T + extra)
      const ids = (length: number, salt: number) =>
        padding === undefined ? undefined : packedIds(seed + salt, rest.B, length, 30, Math.min(padding, length))
      const problem = { ...rest, S, H: G * rest.K, queryIds: ids(rest.T, 0), keyIds: ids(S, 0) }
      const inputs = makeInputs(problem, seed)
      const actual = run(flashAttention, problem, inputs)
      const expected = runOracle(problem, inputs)
      for (const part of parts) expectClose(actual[part], expected[part], tolerance)
    }),
    { numRuns: 60, seed: 20_261_124 },
  )
}

/** Runs every problem on each number of threads and expects the same bits. */
export function expectSameBits(
  register: (options: { readonly threads: number }) => { readonly threads: number; unregister(): void },
  numbersOfThreads: readonly number[],
  problems: readonly OracleProblem[],
): void {
  for (const problem of problems) {
    const inputs = makeInputs(problem, 3)
    const [first, ...others] = numbersOfThreads.map((threads) => {
      const kernels = register({ threads })
      expect(kernels.threads).toBe(threads)
      const result = run(flashAttention, problem, inputs)
      kernels.unregister()
      return result
    })
    for (const other of others) for (const part of parts) expect(other[part]).toEqual(first?.[part])
  }
}
