import { withDefaults } from '../defaults.ts'
import { ropeFrequencies } from '../frequencies.ts'
import type { LongRopeScaling, RopeOptions, YarnScaling } from '../rope.ts'

/** Entries of a `config.json` that say what a RoPE is, in the spelling of transformers 4, which 5 reads as well. */
export interface HuggingFaceRope {
  readonly head_dim: number
  readonly rope_theta: number
  readonly rope_scaling: Readonly<Record<string, unknown>> | null
  /** Absent when the whole head is rotated. */
  readonly partial_rotary_factor?: number
  /** Present for `dynamic` and `longrope`, whose frequencies depend on it in transformers. */
  readonly max_position_embeddings?: number
  /** Present for `longrope`, where transformers 4 reads it nowhere else. */
  readonly original_max_position_embeddings?: number
}

const ropeKeys = new Set([
  ...['rope_theta', 'rope_scaling', 'rope_parameters', 'partial_rotary_factor'],
  ...['original_max_position_embeddings', 'rope_local_base_freq'],
])

function refuse(kind: string, why: string): never {
  throw new RangeError(`toHuggingFace: scaling ${kind} cannot be written, because ${why}. Keep the RopeOptions themselves as JSON.`)
}

function yarn({ factor, originalLength, betaFast, betaSlow, ramp, truncate, attentionFactor, mscale, mscaleAllDim }: YarnScaling) {
  if (ramp === 'rotations') refuse("'yarn' with ramp 'rotations'", "transformers knows only the ramp 'index'")
  return {
    rope_type: 'yarn',
    factor,
    original_max_position_embeddings: originalLength,
    beta_fast: betaFast,
    beta_slow: betaSlow,
    truncate,
    attention_factor: attentionFactor,
    mscale,
    mscale_all_dim: mscaleAllDim,
  }
}

/** transformers 4 computes `factor` as the ratio of the two lengths at the top level, 5 prefers the one inside. */
function longrope({ shortFactors, longFactors, originalLength, factor, attentionFactor }: LongRopeScaling) {
  const length = Math.round(factor * originalLength)
  if (Math.abs(length / originalLength - factor) > 1e-9 * factor) {
    refuse("'longrope'", `factor × originalLength = ${factor * originalLength} must be a whole number of tokens`)
  }
  return {
    rope_scaling: {
      rope_type: 'longrope',
      factor,
      original_max_position_embeddings: originalLength,
      short_factor: Array.from(shortFactors),
      long_factor: Array.from(longFactors),
      attention_factor: attentionFactor,
    },
    original_max_position_embeddings: originalLength,
    max_position_embeddings: length,
  }
}

function scaled(rope: Required<RopeOptions>): Omit<HuggingFaceRope, 'head_dim' | 'partial_rotary_factor'> {
  const { base, scaling } = rope
  switch (scaling.kind) {
    case 'none':
    case 'abf':
    case 'ntk':
      return { rope_theta: ropeFrequencies(rope).series?.base ?? base, rope_scaling: null }
    case 'linear':
      return { rope_theta: base, rope_scaling: { rope_type: 'linear', factor: scaling.factor } }
    case 'dynamic':
      return {
        rope_theta: base,
        rope_scaling: { rope_type: 'dynamic', factor: scaling.factor },
        max_position_embeddings: scaling.originalLength,
      }
    case 'yarn':
      return { rope_theta: base, rope_scaling: yarn(scaling) }
    case 'longrope':
      return { rope_theta: base, ...longrope(scaling) }
    case 'llama3': {
      const { factor, originalLength, lowFreqFactor = 1, highFreqFactor = 4 } = scaling
      const lengths = { factor, original_max_position_embeddings: originalLength }
      const bands = { low_freq_factor: lowFreqFactor, high_freq_factor: highFreqFactor }
      return { rope_theta: base, rope_scaling: { rope_type: 'llama3', ...lengths, ...bands } }
    }
    case 'proportional':
      return { rope_theta: base, rope_scaling: { rope_type: 'proportional', factor: scaling.factor } }
    case 'xpos':
      return refuse("'xpos'", 'transformers has no decay of queries and keys')
  }
}

/** The same without the keys whose value is undefined. */
const present = (record: object) => Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined))

/**
 * `config` with its RoPE replaced by `rope`: every entry about RoPE is taken out, and those of `rope` are put in.
 *
 * ABF and static NTK become a plain `rope_theta` with the new base, for that is all they are. Read by transformers 4 (4.57) and 5 alike,
 * except `proportional`, which 4 does not know. `max_position_embeddings` is touched only for `dynamic` (`originalLength`) and
 * `longrope` (`factor · originalLength`), where it enters the frequencies: set it to your context length for the others.
 * A `sequenceLength` is a matter of the running sequence, and is not written.
 *
 * @param config other entries of the model's `config.json`; not changed
 * @throws RangeError for what Hugging Face cannot express: `xpos`, YaRN with ramp `'rotations'`, a `longrope` factor that gives no whole
 *   context length; and whatever `ropeFrequencies` refuses
 * @see transformers 5.23.0, `modeling_rope_utils.py`
 */
export function toHuggingFace(rope: RopeOptions, config: object = {}): HuggingFaceRope & Record<string, unknown> {
  ropeFrequencies(rope)
  const complete = withDefaults(rope)
  const { headDim, rotaryFraction } = complete
  const { rope_theta, rope_scaling, ...lengths } = scaled(complete)
  const kept = Object.fromEntries(Object.entries(config).filter(([key]) => !ropeKeys.has(key)))
  return {
    ...kept,
    ...lengths,
    head_dim: headDim,
    rope_theta,
    rope_scaling: rope_scaling && present(rope_scaling),
    ...(rotaryFraction === 1 ? {} : { partial_rotary_factor: rotaryFraction }),
  }
}
