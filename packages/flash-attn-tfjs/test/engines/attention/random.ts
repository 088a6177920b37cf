import fc from 'fast-check'
import { test } from 'vitest'
import { engine } from '../../../../../test/support/engine.ts'
import { expectAgreement } from '../../support/agree.ts'
import { attend } from '../../support/attend.ts'
import { makeInputs, packedIds } from '../../support/cases.ts'
import { oracle } from '../../support/oracle.ts'
import { FLOAT32 } from './definition.ts'

const isSlowToCompile = engine.name.endsWith('webgpu') // seconds for each shader on SwiftShader
const optional = <X>(x: fc.Arbitrary<X>) => fc.option(x, { nil: undefined })

const problems = fc.record({
  B: fc.integer({ min: 1, max: 3 }),
  T: fc.integer({ min: 1, max: 100 }),
  extra: fc.integer({ min: -10, max: 100 }),
  K: fc.integer({ min: 1, max: 2 }),
  G: fc.integer({ min: 1, max: 3 }),
  // half of them small, where the float64 loops take no time
  D: isSlowToCompile ? fc.constant(8) : fc.oneof(fc.integer({ min: 1, max: 32 }), fc.integer({ min: 33, max: 256 })),
  causal: fc.boolean(),
  window: optional(fc.integer({ min: 1, max: 120 })),
  softcap: optional(fc.constantFrom(0.5, 5, 50)),
  padding: optional(fc.integer({ min: 0, max: 70 })),
  scale: optional(fc.constantFrom(0.1, 0.5)),
  seed: fc.nat(1e6),
})

test('random shapes and masks equal the float64 definition', async () => {
  const check = fc.asyncProperty(problems, async ({ extra, G, padding, softcap, seed, ...rest }) => {
    const length = rest.D > 32 ? Math.ceil(rest.T / 3) : rest.T
    const S = Math.max(1, length + extra)
    const numPadding = isSlowToCompile && softcap !== undefined ? (padding ?? 0) : padding // both or neither: fewer shaders
    const ids = (length: number, salt: number) =>
      numPadding === undefined ? undefined : packedIds(seed + salt, rest.B, length, 30, Math.min(numPadding, length))
    const p = { ...rest, T: length, S, H: G * rest.K, softcap: isSlowToCompile && numPadding !== undefined ? (softcap ?? 5) : softcap }
    const problem = { ...p, queryIds: ids(length, 0), keyIds: ids(S, 0) }
    const inputs = makeInputs(problem, seed)
    expectAgreement(await attend(problem, inputs), oracle(problem, inputs.q, inputs.k, inputs.v, inputs.dOut), FLOAT32)
  })
  await fc.assert(check, { numRuns: isSlowToCompile ? 15 : 60, seed: 20_261_124 })
})
