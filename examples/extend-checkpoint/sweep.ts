// Which way to stretch the rotary frequencies suits this model at this length, before any training.
import { extendContext, type LlamaConfig } from 'llama-model'
import { wavelengths } from 'rope-abf'
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

/**
 * The least factor of the base, in tenths, with which no pair of channels meets angles at `length` tokens that it did not meet in training: those that did
 * not turn round once within the trained length need `factor^(j / pairs) ≥ length / trained`, the fastest of them the most (Liu et al. 2023,
 * arXiv 2310.05209, §3). 1 where every pair turned round.
 */
export function leastFactor({ maxPositionEmbeddings: trained, rope }: LlamaConfig, length: number): number {
  const all = wavelengths(rope)
  const fastest = all.findIndex((tokens) => tokens > trained)
  return fastest < 0 ? 1 : Math.ceil(10 * (length / trained) ** (all.length / fastest)) / 10
}

/** The model as it is, ABF by every factor and the least, and the other methods. */
export function candidates(config: LlamaConfig, length: number, factors: readonly number[]): Candidate[] {
  const { base = 10_000 } = config.rope
  const tried = [...new Set([...factors, leastFactor(config, length)])].sort((a, b) => a - b)
  const abf = tried.map((factor) => ({
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

/**
 * The factor of the base, at least `least`, with the lowest loss over the whole row, and the best of all methods. Below `least` the end of the row stays
 * behind after training, though before it the loss may be lower: there are few rows as long as that to learn new angles from.
 */
export const choose = (tried: readonly Tried[], least: number): { chosen: Tried; best: Tried } => ({
  chosen: lowest(tried.filter(({ factor = 0 }) => factor >= least)),
  best: lowest(tried.filter(({ label }) => label !== 'unmodified')),
})

export const describeSweep = (tried: readonly Tried[], chosen: Tried): string =>
  [
    `${'zero-shot'.padEnd(14)}  within  beyond   whole`,
    ...tried.map(
      ({ label, within, beyond, whole }) =>
        `${label.padEnd(14)}${[within, beyond, whole].map((loss) => loss.toFixed(3).padStart(8)).join('')}${label === chosen.label ? '  ← chosen' : ''}`,
    ),
  ].join('\n')
