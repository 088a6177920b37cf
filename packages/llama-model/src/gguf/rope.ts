import { ropeFrequencies } from 'rope-abf'
import type { LlamaConfig } from '../config.ts'
import type { Fields } from './fields.ts'

/** Divisors of the rotary frequencies, by the name of their tensor. */
export type RopeFactors = Partial<Record<RopeTensor, Float32Array>>

const ropeTensors = ['rope_freqs.weight', 'rope_factors_short.weight', 'rope_factors_long.weight'] as const
type RopeTensor = (typeof ropeTensors)[number]

export const isRopeTensor = (name: string): name is RopeTensor => (ropeTensors as readonly string[]).includes(name)

/** @throws RangeError that starts with `who` when there is not one divisor for each rotary pair */
export function checkRopeTensor(who: string, { name, shape }: { name: string; shape: readonly number[] }, { headDim }: LlamaConfig): void {
  if (isRopeTensor(name) && String(shape) !== String(headDim / 2)) {
    throw new RangeError(`${who}: tensor '${name}' has shape [${shape}]; by the metadata it must be [${headDim / 2}].`)
  }
}

/**
 * Rope of a GGUF file in the spelling of a config.json. Llama 3.1's scaling is stored as divisors: those that it gives for factor 2, 4, …, 64 of
 * an 8,192-token model are recognised, all others become LongRoPE with the same divisors at every length.
 */
export function ropeFields({ who, number, optional }: Fields, headDim: number, factors: RopeFactors): Record<string, unknown> {
  const kind = optional('rope.scaling.type', 'string') ?? 'none'
  const rope_theta = number('rope.freq_base', 10_000)
  const length = number('context_length')
  const original = number('rope.scaling.original_context_length', length)
  const scaled = (scaling: object) => ({ rope_theta, rope_scaling: scaling })
  const freqs = factors['rope_freqs.weight']
  if (freqs) return scaled(llama3(freqs, headDim, rope_theta) ?? longrope(freqs, freqs, original, 1))
  switch (kind) {
    case 'none':
      return { rope_theta }
    case 'linear':
      return scaled({ rope_type: 'linear', factor: number('rope.scaling.factor', 1) })
    case 'yarn': {
      const factor = number('rope.scaling.factor')
      const warmth = number('rope.scaling.attn_factor', 1)
      return scaled({
        rope_type: 'yarn',
        factor,
        original_max_position_embeddings: original,
        beta_fast: number('rope.scaling.yarn_beta_fast', 32),
        beta_slow: number('rope.scaling.yarn_beta_slow', 1),
        ...(warmth !== 1 && { attention_factor: warmth * (1 + 0.1 * Math.log(factor)) }),
      })
    }
    case 'longrope': {
      const { 'rope_factors_short.weight': short, 'rope_factors_long.weight': long } = factors
      if (!short || !long) return { rope_theta } // before the tensors are read
      const scaling = longrope(short, long, original, number('rope.scaling.attn_factor', 1))
      return { rope_theta, rope_scaling: { ...scaling, factor: length / original }, original_max_position_embeddings: original }
    }
    default:
      throw new RangeError(`${who}: metadata 'rope.scaling.type' is '${kind}'; none, linear, yarn and longrope can be read.`)
  }
}

const longrope = (short: Float32Array, long: Float32Array, original: number, attentionFactor: number) => ({
  rope_type: 'longrope',
  factor: 1,
  original_max_position_embeddings: original,
  short_factor: Array.from(short),
  long_factor: Array.from(long),
  attention_factor: attentionFactor,
})

function llama3(divisors: Float32Array, headDim: number, base: number): object | undefined {
  for (let factor = 2; factor <= 64; factor *= 2) {
    const lengths = { factor, originalLength: 8192 }
    const expected = frequencyDivisors({ headDim, base, scaling: { kind: 'llama3', ...lengths } })
    if (divisors.some((divisor, i) => Math.abs(divisor - expected[i]!) > 1e-5 * divisor)) continue
    return { rope_type: 'llama3', factor, original_max_position_embeddings: 8192, low_freq_factor: 1, high_freq_factor: 4 }
  }
  return undefined
}

/** What the scaling divides each pair's frequency by. */
export function frequencyDivisors(rope: LlamaConfig['rope']): Float64Array {
  const plain = ropeFrequencies({ ...rope, scaling: { kind: 'none' } }).inverseFrequencies
  const { inverseFrequencies } = ropeFrequencies(rope)
  return plain.map((frequency, i) => frequency / inverseFrequencies[i]!)
}
