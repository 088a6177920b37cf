// What the stages found, as the report takes it.
import type { RopeOptions } from 'rope-abf'
import type { Pairs } from '../../shared/ask-for-pairs.ts'
import type { Answers } from '../instruct.ts'
import type { Measures } from '../measure.ts'
import type { Training } from '../metrics.ts'
import type { Finished } from '../run.ts'
import type { Settings } from '../settings.ts'

export const armNames = { abf: 'ABF', rope: 'plain RoPE', pi: 'PI' } as const
export type Arm = keyof typeof armNames
export const arms: readonly Arm[] = ['abf', 'rope', 'pi']
/** As in Table 9. */
export const tuningNames = {
  before: 'before tuning',
  short: 'short chats',
  pretrain: 'short chats, mix pretrain',
  answers: 'short chats, long pairs, loss on answers',
  whole: 'short chats, long pairs, loss on the whole sequence',
} as const
export type Tuning = keyof typeof tuningNames

export interface SeedResults {
  readonly seed: number
  readonly training: Record<string, Training>
  readonly measures: Readonly<Record<Arm | 'short', Measures>>
  readonly answers: Readonly<Record<Tuning, Answers>>
}

export interface Results {
  readonly settings: Settings
  readonly engine: string
  readonly parameters: number
  readonly ropes: Readonly<Record<Arm, RopeOptions>>
  readonly documents: readonly { readonly source: string; readonly split: string; readonly tokens: ArrayLike<number> }[]
  readonly dropped: Readonly<Record<string, number>>
  readonly utilisation: number
  readonly pairs: Pairs
  readonly stages: ReadonlyMap<string, Finished<unknown>>
  readonly seeds: readonly SeedResults[]
}
