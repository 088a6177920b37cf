import type { LlamaConfig, ModelType } from './config.ts'

export type Fields = Readonly<Record<string, unknown>>

/** What an architecture may have beyond a plain Llama. */
type Feature = 'attentionBias' | 'mlpBias' | 'queryKeyNorm' | 'slidingWindow' | 'fullAttentionLayers' | 'noRopeLayers'
type Features = Partial<Pick<LlamaConfig, Feature>>

interface Architecture {
  /** Of transformers. */
  readonly className: string
  /** What config.json may leave out. */
  readonly defaults: Fields
  /** What all its models have. */
  readonly always: Features
  /** What its config.json can switch on. */
  readonly optional: readonly Feature[]
}

const tokens = { bos_token_id: 1, eos_token_id: 2 }
const noTokens = { bos_token_id: null, eos_token_id: null }
const qwen = { num_key_value_heads: 32, max_position_embeddings: 32_768, sliding_window: 4096, max_window_layers: 28, ...noTokens }

/**
 * What tells the architectures apart, by `model_type`.
 * @see transformers 5.24, `models/<model_type>/configuration_<model_type>.py`
 */
export const architectures: Readonly<Record<ModelType, Architecture>> = {
  llama: { className: 'LlamaForCausalLM', defaults: tokens, always: {}, optional: ['attentionBias', 'mlpBias'] },
  mistral: {
    className: 'MistralForCausalLM',
    defaults: { ...tokens, num_key_value_heads: 8, max_position_embeddings: 131_072, sliding_window: 4096 },
    always: {},
    optional: ['slidingWindow'],
  },
  qwen2: {
    className: 'Qwen2ForCausalLM',
    defaults: qwen,
    always: { attentionBias: 'qkv' },
    optional: ['slidingWindow', 'fullAttentionLayers'],
  },
  qwen3: {
    className: 'Qwen3ForCausalLM',
    defaults: { ...qwen, head_dim: 128 },
    always: { queryKeyNorm: true },
    optional: ['attentionBias', 'slidingWindow', 'fullAttentionLayers'],
  },
  smollm3: {
    className: 'SmolLM3ForCausalLM',
    defaults: {
      ...{ num_key_value_heads: 4, max_position_embeddings: 32_768, rope_theta: 2_000_000, tie_word_embeddings: true },
      ...{ bos_token_id: 128_000, eos_token_id: 128_001 },
    },
    always: {},
    optional: ['attentionBias', 'mlpBias', 'slidingWindow', 'fullAttentionLayers', 'noRopeLayers'],
  },
}

/** Features that the fields of a config.json, defaults filled in, switch on; `unsupported` makes the error of a value that is unknown here. */
export function readFeatures(
  type: ModelType,
  fields: Fields,
  numLayers: number,
  unsupported: (key: string, value: unknown, rule: string) => RangeError,
): Features {
  const { always, optional } = architectures[type]
  const found: Features = { ...always }
  const set = (features: Features) =>
    Object.assign(found, Object.fromEntries(Object.entries(features).filter(([, value]) => value !== undefined)))
  for (const key of ['attention_bias', 'mlp_bias'] as const) {
    if (typeof (fields[key] ?? false) !== 'boolean') throw unsupported(key, fields[key], 'it must be true or false')
    const feature = key === 'mlp_bias' ? 'mlpBias' : 'attentionBias'
    if (fields[key] && optional.includes(feature)) set(key === 'mlp_bias' ? { mlpBias: true } : { attentionBias: 'all' })
    else if (fields[key] && !found[feature]) throw unsupported(key, true, `${type} has no such biases`)
  }
  if (optional.includes('noRopeLayers')) set({ noRopeLayers: readNoRopeLayers(fields, numLayers, unsupported) })
  if (optional.includes('slidingWindow')) set(readWindows(type, fields, numLayers, found.noRopeLayers ?? [], unsupported))
  return found
}

type Unsupported = Parameters<typeof readFeatures>[3]

function readNoRopeLayers(fields: Fields, numLayers: number, unsupported: Unsupported): readonly number[] | undefined {
  const { no_rope_layers: turning, no_rope_layer_interval: interval = 4 } = fields
  if (turning !== undefined && turning !== null && !(Array.isArray(turning) && turning.length >= numLayers)) {
    throw unsupported('no_rope_layers', turning, `it must be a list of ${numLayers} numbers`)
  }
  const layers = Array.from({ length: numLayers }, (_, layer) => layer)
  const still = layers.filter((layer) => (Array.isArray(turning) ? !turning[layer] : (layer + 1) % Number(interval) === 0))
  return still.length > 0 ? still : undefined
}

function readWindows(
  type: ModelType,
  fields: Fields,
  numLayers: number,
  noRopeLayers: readonly number[],
  unsupported: Unsupported,
): Features {
  const { sliding_window: window, use_sliding_window: used = type === 'mistral', layer_types: types, max_window_layers: first } = fields
  if (window === null || window === undefined || !used) return {}
  if (typeof window !== 'number') throw unsupported('sliding_window', window, 'it must be a number or null')
  if (type === 'mistral') return { slidingWindow: window }
  const kinds =
    types ??
    Array.from({ length: numLayers }, (_, layer) =>
      (type === 'smollm3' ? noRopeLayers.includes(layer) : layer >= Number(first)) ? 'sliding_attention' : 'full_attention',
    )
  if (!Array.isArray(kinds) || kinds.length < numLayers) throw unsupported('layer_types', types, `it must be a list of ${numLayers} names`)
  const full: number[] = []
  for (let layer = 0; layer < numLayers; layer++) {
    if (kinds[layer] === 'full_attention') full.push(layer)
    else if (kinds[layer] !== 'sliding_attention')
      throw unsupported('layer_types', kinds[layer], 'full_attention and sliding_attention are known')
  }
  if (full.length === numLayers) return {}
  return { slidingWindow: window, fullAttentionLayers: full.length > 0 ? full : undefined }
}

/** The fields of config.json that express the configuration's features. @throws RangeError for one that the architecture cannot express */
export function writeFeatures(config: LlamaConfig): Fields {
  const { modelType: type = 'llama', numLayers, slidingWindow, fullAttentionLayers = [], noRopeLayers = [] } = config
  const { always, optional } = architectures[type]
  const has = (feature: Feature) => optional.includes(feature)
  for (const feature of ['attentionBias', 'mlpBias', 'queryKeyNorm', 'slidingWindow', 'fullAttentionLayers', 'noRopeLayers'] as const) {
    const value = config[feature]
    const isOn = Array.isArray(value) ? value.length > 0 : !!value
    if (feature in always ? value !== always[feature] && !(has(feature) && isOn) : isOn && !has(feature))
      throw cannotSay(type, feature, value)
  }
  if (has('attentionBias') && config.attentionBias === 'qkv') throw cannotSay(type, 'attentionBias', 'qkv')
  const layers = Array.from({ length: numLayers }, (_, layer) => layer)
  const isSliding = slidingWindow !== undefined
  return {
    ...(has('attentionBias') && { attention_bias: config.attentionBias === 'all' }),
    ...(has('mlpBias') && { mlp_bias: config.mlpBias === true }),
    ...(has('noRopeLayers') && { no_rope_layers: layers.map((layer) => Number(!noRopeLayers.includes(layer))) }),
    ...(type === 'smollm3' && { pad_token_id: null }), // else transformers takes 128004 and refuses smaller vocabularies
    ...(has('slidingWindow') && { sliding_window: slidingWindow ?? null }),
    ...(has('fullAttentionLayers') && {
      use_sliding_window: isSliding,
      layer_types: layers.map((layer) => (isSliding && !fullAttentionLayers.includes(layer) ? 'sliding_attention' : 'full_attention')),
    }),
  }
}

const cannotSay = (type: ModelType, feature: Feature, value: unknown) =>
  new RangeError(
    `savePretrained: config.${feature} is ${JSON.stringify(value)}, which a config.json of model type '${type}' cannot say; ` +
      'set config.modelType to an architecture that has it.',
  )
