import { describe, expect, test } from 'vitest'
import golden from '../../golden/torch.json'
import { expectClosePart } from '../../support/agree.ts'
import { attend } from '../../support/attend.ts'
import { makeInputs } from '../../support/cases.ts'
import type { OracleProblem } from '../../support/oracle.ts'
import { FLOAT32 } from './definition.ts'

interface Case extends Record<'out' | 'dQuery' | 'dKey' | 'dValue', readonly number[]> {
  readonly problem: Omit<OracleProblem, 'causal'> & { readonly causal?: boolean; readonly ids?: readonly number[] }
}
const cases: Readonly<Record<string, Case>> = golden.cases

describe(`equals PyTorch ${golden.torch} in float64`, () => {
  test.each(Object.entries(cases))('%s', async (_, { problem, ...expected }) => {
    const { ids, causal = false, ...sizes } = problem
    const p: OracleProblem = { ...sizes, causal, queryIds: ids, keyIds: ids }
    const actual = await attend(p, makeInputs(p, 7))
    for (const part of ['out', 'dQuery', 'dKey', 'dValue'] as const) expectClosePart(part, actual[part], expected[part], FLOAT32)
    expect(expected.dQuery.some((x) => Math.abs(x) > 0.01)).toBe(true)
  })
})
