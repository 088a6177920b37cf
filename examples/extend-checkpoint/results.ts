// What the stages found, as findings and report take it.

import type { Training } from '../long-context/metrics.ts'
import type { Finished } from '../long-context/run.ts'
import type { Pairs } from '../shared/ask-for-pairs.ts'
import type { Asked } from './instruct.ts'
import type { Losses, Positions, Recall } from './measure.ts'
import type { Plan } from './plan.ts'
import type { Settings } from './settings.ts'
import type { Tried } from './sweep.ts'

export interface Measures {
  readonly losses: Losses
  readonly recall: Recall
}

export interface Results {
  readonly settings: Settings
  readonly engine: string
  /** Context of the checkpoint. */
  readonly trained: number
  readonly plan: Plan
  readonly tried: readonly Tried[]
  /** Labels of the base that was trained, and of the best method before any training. */
  readonly chosen: string
  readonly best: string
  /** Factors of the base below it were not chosen from: `leastFactor`. */
  readonly least: number
  /** On held-out texts, by label. */
  readonly zeroShot: Readonly<Record<string, Positions>>
  readonly before: Measures
  readonly after: Measures
  /** Other methods after equal training, by label. */
  readonly compared: Readonly<Record<string, Losses>>
  /** The chosen base after equal training with other seeds, by label. */
  readonly repeated: Readonly<Record<string, Losses>>
  readonly tuned: Measures | undefined
  /** By the label of the model. */
  readonly training: Readonly<Record<string, Training>>
  readonly pairs: Pairs
  readonly answers: { readonly before: readonly Asked[]; readonly after: readonly Asked[] }
  /** What the questions are about. */
  readonly book: string
  readonly documents: readonly { readonly source: string; readonly split: string; readonly tokens: ArrayLike<number> }[]
  readonly dropped: Readonly<Record<string, number>>
  readonly stages: ReadonlyMap<string, Finished<unknown>>
}
