import { expect } from 'vitest'

export interface Tolerance {
  readonly atol?: number
  readonly rtol?: number
}

/** Asserts `|actual − expected| ≤ atol + rtol·|expected|` for every element; a failure names the worst element. */
export function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, { atol = 0, rtol = 0 }: Tolerance): void {
  expect(actual.length, 'number of elements').toBe(expected.length)
  let worst = -1
  let excess = 0
  for (let i = 0; i < expected.length; i++) {
    const a = actual[i] as number
    const e = expected[i] as number
    const over = Number.isNaN(a) || Number.isNaN(e) ? Number.POSITIVE_INFINITY : Math.abs(a - e) - (atol + rtol * Math.abs(e))
    if (over > excess) {
      excess = over
      worst = i
    }
  }
  if (worst >= 0) {
    const delta = Math.abs((actual[worst] as number) - (expected[worst] as number))
    expect.fail(`element ${worst}: got ${actual[worst]}, expected ${expected[worst]} (|Δ| = ${delta}, atol ${atol}, rtol ${rtol})`)
  }
}
