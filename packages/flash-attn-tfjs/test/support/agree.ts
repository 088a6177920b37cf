import { expect } from 'vitest'
import { allParts, type Results } from './attend.ts'
import type { OracleResult } from './oracle.ts'

/**
 * Expects `max |Δ| / max |reference|` below `relative` in every result, and NaN, ∞ and −∞ exactly where the reference has them. The
 * largest counts as 0.3 at least: gradients are differences of numbers of size 1, which leave rounding errors where the truth is 0, as
 * in a row with one key.
 */
export function expectAgreement(actual: Results, expected: OracleResult, relative: number): void {
  for (const part of allParts) expectClosePart(part, actual[part], expected[part], relative)
}

export function expectClosePart(part: string, actual: ArrayLike<number>, expected: ArrayLike<number>, relative: number): void {
  expect(actual.length, part).toBe(expected.length)
  let largest = 0.3
  for (let i = 0; i < expected.length; i++) if (Number.isFinite(expected[i])) largest = Math.max(largest, Math.abs(expected[i]!))
  for (let i = 0; i < expected.length; i++) {
    const [x, y] = [actual[i]!, expected[i]!]
    const agrees = Number.isFinite(y) ? Math.abs(x - y) <= relative * largest : Object.is(x, y)
    if (!agrees) expect.fail(`${part}[${i}] is ${x}, expected ${y} (largest ${largest}, allowed ${relative} of it)`)
  }
}
