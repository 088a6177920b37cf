import { peerName, type Row } from './row.ts'
import type { Goal } from './work.ts'

type Chooser = (row: Row) => boolean
export const by = (engine: string, peer: string, threads: number): Chooser => {
  const name = peerName({ engine, peer, threads })
  return (row) => peerName(row) === name
}

interface Claim {
  readonly goal: string
  /** What a row, or a pair of rows of one case, is worth; larger is better. */
  readonly values: readonly { readonly case: string; readonly value: number }[]
  readonly atLeast: number
  readonly format: (value: number) => string
}

/** A goal is met where its worst case meets it. */
export function goalOf({ goal, values, atLeast, format }: Claim): Goal {
  const sorted = values.toSorted((a, b) => a.value - b.value)
  const [worst, best] = [sorted[0], sorted.at(-1)]
  if (!worst || !best) return { goal, value: 'not measured', met: null }
  const range = sorted.length === 1 ? '' : ` … ${format(best.value)} (${best.case})`
  return { goal, value: `${format(worst.value)} (${worst.case})${range}`, met: worst.value >= atLeast }
}

/** Fraction of the peak of each row. */
export const fractions = (rows: readonly Row[]) =>
  rows.flatMap(({ case: name, fractionOfPeak }) => (fractionOfPeak === null ? [] : [{ case: name, value: fractionOfPeak }]))

/** How many times as fast `ours` is as `theirs`, case by case; a peer that took longer than its cap counts with the cap. */
export function speedups(rows: readonly Row[], ours: Chooser, theirs: Chooser) {
  return rows.filter(ours).flatMap(({ case: name, milliseconds }) => {
    const other = rows.find((row) => row.case === name && theirs(row))
    const capped = /^> (\d+) s$/.exec(other?.note ?? '')?.[1]
    const time = other?.milliseconds ?? (capped === undefined ? null : Number(capped) * 1000)
    return milliseconds === null || time === null ? [] : [{ case: name, value: time / milliseconds }]
  })
}

export const percent = (value: number) => `${(100 * value).toFixed(0)} %`
export const times = (value: number) => `${value.toFixed(value < 10 ? 2 : 0)} ×`

/** Of any work: the first call on one thread. */
export function firstCall(rows: readonly Row[]): Goal {
  const values = rows.filter((row) => row.case.startsWith('first call') && by('wasm', 'ours', 1)(row) && row.milliseconds !== null)
  return goalOf({
    goal: 'first call with compilation, 1 thread: < 20 ms',
    values: values.map((row) => ({ case: row.case, value: -row.milliseconds! })),
    atLeast: -20,
    format: (value) => `${(-value).toFixed(1)} ms`,
  })
}
