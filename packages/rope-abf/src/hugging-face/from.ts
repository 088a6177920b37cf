import { withDefaults } from '../defaults.ts'
import { ropeFrequencies } from '../frequencies.ts'
import type { RopeOptions } from '../rope.ts'
import { type Entries, entriesOf, number, requiredNumber, ropeEntries } from './entries.ts'
import { scalingOf } from './scaling.ts'

/** Which RoPE of a config that has several. */
export interface FromHuggingFaceOptions {
  /** As in `layer_types`, for example `'full_attention'`. Without effect on a config with one RoPE for all layers. */
  readonly layerType: string
}

function headDimOf(config: Entries, layerType: string | undefined): number {
  const own = (layerType === 'full_attention' ? number(config, 'global_head_dim') : undefined) ?? number(config, 'head_dim') // Gemma 4
  if (own) return own
  const why = 'a config without head_dim (the text part of a multimodal one is config.text_config)'
  return Math.floor(requiredNumber(config, 'hidden_size', why) / requiredNumber(config, 'num_attention_heads', why))
}

/**
 * The RoPE of a Hugging Face model, from its parsed `config.json` as written for transformers 4 or 5. Read are `head_dim` (or
 * `hidden_size / num_attention_heads`, rounded down), `rope_theta`, `rope_scaling`, `rope_parameters` (flat, or nested per layer type),
 * `partial_rotary_factor`, `max_position_embeddings`, `original_max_position_embeddings`, `rope_local_base_freq`; `rope_type` may be
 * spelt `type`.
 *
 * Where values compete, transformers 5 decides: non-empty `rope_scaling` over `rope_parameters`; values inside it over the top level
 * over the default (`rope_theta` 10,000: that of Llama, some architectures have another), but `original_max_position_embeddings` of
 * the top level over the one inside. null counts as absent. Keys it does not know are ignored, as there (`finetuned`, `mrope_section`).
 *
 * A config with one RoPE per layer type needs `layerType`, and the answer is null where that layer type has no RoPE.
 *
 * @throws RangeError for an unknown `rope_type`, a required key that is missing, a layer type that is missing or unknown, and whatever
 *   `ropeFrequencies` refuses; TypeError for a value of another type
 * @see transformers 5.23.0, `modeling_rope_utils.py`: `RotaryEmbeddingConfigMixin`
 */
export function fromHuggingFace(config: object): RopeOptions
export function fromHuggingFace(config: object, options: FromHuggingFaceOptions): RopeOptions | null
export function fromHuggingFace(config: object, { layerType }: Partial<FromHuggingFaceOptions> = {}): RopeOptions | null {
  const top = entriesOf('config', config)
  const entries = ropeEntries(top, layerType)
  if (!entries) return null
  const either = (key: string) => number(entries.rope, key) ?? number(top, key)
  const rope = withDefaults({
    headDim: headDimOf(top, layerType),
    base: either('rope_theta'),
    rotaryFraction: either('partial_rotary_factor'),
    scaling: scalingOf(entries, top),
  })
  ropeFrequencies(rope) // refuses a value out of range here, where the config is at hand
  return rope
}
