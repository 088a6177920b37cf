import type { Case, Limits } from './measure.ts'
import type { Row } from './row.ts'

/** What one word of `pnpm bench` measures. */
export interface Work {
  readonly name: string
  /** What is measured, and who takes part in what; for RESULTS.md. */
  readonly about: string
  readonly cases: (quick: boolean) => readonly Case[]
  readonly limits: Limits
  readonly goals: (rows: readonly Row[]) => readonly Goal[]
  /** Tables of RESULTS.md: peers by cases. */
  readonly tables: readonly Table[]
}

export interface Goal {
  readonly goal: string
  /** What was reached, and where. */
  readonly value: string
  /** Null where nothing was measured. */
  readonly met: boolean | null
}

export interface Table {
  readonly title: string
  /** Picks cases, and names their columns by its first group. */
  readonly cases: RegExp
  readonly unit: 'GFLOP/s' | 'ms' | 'MiB' | 'tokens/s' | 'GB/s'
}
