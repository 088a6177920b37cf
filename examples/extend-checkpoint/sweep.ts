// Which way to stretch the rotary frequencies suits this model at this length, before any training.
import { extendContext, type LlamaConfig } from 'llama-model'
import { mean } from '../long-context/report/statistics.ts'
import type { Positions } from './measure.ts'

export interface Candidate {
  readonly label: string
  readonly config: LlamaConfig
  /** Times the base; none where another method is. */
  readonly factor?: number
}

export const methodNames = { linear: 'PI', ntk: 'NTK', yarn: 'YaRN' } as const
export type Method = keyof typeof methodNames

/** `config` for `length` tokens by another method than ABF. */
export const byMethod = (config: LlamaConfig, length: number, method: Method): Candidate => ({
  label: methodNames[method],
  config: extendContext(config, { length, method }).config,
})

/** The model as it is, ABF by every factor, and the other methods. */
export function candidates(config: LlamaConfig, length: number, factors: readonly number[]): Candidate[] {
  const { base = 10_000 } = config.rope
  const abf = factors.map((factor) => ({
    label: `ABF ×${factor}`,
    factor,
    config: extendContext(config, { length, method: 'abf', base: base * factor }).config,
  }))
  const others = (Object.keys(methodNames) as Method[]).map((method) => byMethod(config, length, method))
  return [{ label: 'unmodified', config }, ...abf, ...others]
}

export interface Tried {
  readonly label: string
  readonly factor: number | undefined
  readonly positions: Positions
  /** Mean losses in nats: up to the trained length, beyond it, of the whole row. */
  readonly within: number
  readonly beyond: number
  readonly whole: number
}

/** What the losses of a candidate's rows come to. */
export function judge({ label, factor }: Candidate, positions: Positions, trained: number): Tried {
  const meanOf = (some: Positions) => mean(some.map(({ loss }) => loss))
  return {
    label,
    factor,
    positions,
    within: meanOf(positions.filter(({ position }) => position < trained)),
    beyond: meanOf(positions.filter(({ position }) => position >= trained)),
    whole: meanOf(positions),
  }
}

const lowest = (some: readonly Tried[]): Tried => some.reduce((best, own) => (own.whole < best.whole ? own : best))

/** The factor of the base with the lowest loss over the whole row, and the best of all methods. */
export const choose = (tried: readonly Tried[]): { chosen: Tried; best: Tried } => ({
  chosen: lowest(tried.filter(({ factor }) => factor !== undefined)),
  best: lowest(tried.filter(({ label }) => label !== 'unmodified')),
})

export const describeSweep = (tried: readonly Tried[]): string =>
  [
    `${'zero-shot'.padEnd(14)}  within  beyond   whole`,
    ...tried.map(
      ({ label, within, beyond, whole }) =>
        `${label.padEnd(14)}${[within, beyond, whole].map((loss) => loss.toFixed(3).padStart(8)).join('')}${label === choose(tried).chosen.label ? '  ← chosen' : ''}`,
    ),
  ].join('\n')
