import { type LlamaConfig, llamaConfig } from '../config.ts'
import { toHuggingFaceConfig } from '../hugging-face-config.ts'

/** Files of a folder that was loaded, as they were. */
export interface OriginalFiles {
  readonly 'config.json'?: string
  readonly 'generation_config.json'?: string
  /** The tokenizer of old Llamas, which only transformers reads. */
  readonly 'tokenizer.model'?: Uint8Array
}

/** Keys of a config.json that follow from the configuration, in both spellings: those of the original are not kept beside them. */
const ownKeys = new Set([
  ...['rope_theta', 'rope_scaling', 'rope_parameters', 'partial_rotary_factor', 'original_max_position_embeddings', 'head_dim'],
  ...['torch_dtype', 'dtype', 'architectures', 'quantization_config', 'attention_bias', 'mlp_bias', 'sliding_window', 'use_sliding_window'],
  ...['layer_types', 'max_window_layers', 'no_rope_layers', 'no_rope_layer_interval'],
])

/** `config.json`: the original text where it says the same, otherwise with the original's further fields. */
export function configText(config: LlamaConfig, dtype: string, original: OriginalFiles): string {
  const fields = toHuggingFaceConfig(config, dtype)
  const before = parse(original['config.json'])
  if (!before) return json(fields)
  const { torch_dtype: storedAs = before.fields.dtype } = before.fields
  if (before.config && storedAs === dtype && isSame(before.config, config)) return before.text
  const further = Object.entries(before.fields).filter(([key]) => !ownKeys.has(key))
  return json({ ...Object.fromEntries(further), ...fields })
}

/** `generation_config.json`: the original text unless the first and last tokens are others now. */
export function generationText(config: LlamaConfig, original: OriginalFiles): string {
  const tokens = { bos_token_id: config.bosTokenId, eos_token_id: config.eosTokenId }
  const before = parse(original['generation_config.json'])
  if (!before) return json({ _from_model_config: true, ...tokens })
  const { bosTokenId, eosTokenId } = parse(original['config.json'])?.config ?? {}
  if (isSame([bosTokenId, eosTokenId], [config.bosTokenId, config.eosTokenId])) return before.text
  return json({ ...before.fields, ...tokens })
}

export const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`

interface Parsed {
  readonly text: string
  readonly fields: Readonly<Record<string, unknown>>
  /** undefined where the fields are none of a model's. */
  readonly config: LlamaConfig | undefined
}

function parse(text: string | undefined): Parsed | undefined {
  if (text === undefined) return undefined
  const fields = JSON.parse(text) as Record<string, unknown>
  try {
    return { text, fields, config: llamaConfig(fields) }
  } catch {
    return { text, fields, config: undefined }
  }
}

/** Equal but for the order of keys and those that are undefined. */
function isSame(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  const keys = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...keys].every((key) => isSame((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]))
}
