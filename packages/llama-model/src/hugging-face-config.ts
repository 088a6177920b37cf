import { fromHuggingFace, toHuggingFace } from 'rope-abf'
import { architectures, type Fields, readFeatures, writeFeatures } from './architectures.ts'
import { type LlamaConfig, type ModelType, maxLayers } from './config.ts'

/** Settings that would change the result, with the values under which they do not. */
const neutral: Readonly<Record<string, readonly unknown[]>> = {
  attention_dropout: [0],
  hidden_act: ['silu', 'swish'],
  quantization_config: [],
}

const maxHeadDim = 65_536 // a damaged file must not make a list of billions of frequencies

/** A parsed `config.json` as `LlamaConfig`; numbers are checked by the caller. */
export function readHuggingFaceConfig(fields: Fields): LlamaConfig {
  if (typeof fields !== 'object' || fields === null) {
    throw new TypeError(`llamaConfig: got ${String(fields)}; pass a parsed config.json or the name of a preset.`)
  }
  const { model_type: type = 'llama' } = fields
  if (typeof type !== 'string' || !Object.hasOwn(architectures, type)) {
    throw unsupported('model_type', type, `it must be one of ${Object.keys(architectures).join(', ')}`)
  }
  const modelType = type as ModelType
  const { className, defaults } = architectures[modelType]
  const { architectures: classes = [className] } = fields
  if (!Array.isArray(classes) || !classes.includes(className)) throw unsupported('architectures', classes, `it must contain '${className}'`)
  for (const [key, allowed] of Object.entries(neutral)) {
    const value = fields[key] ?? allowed[0]
    if (value !== undefined && !allowed.includes(value)) {
      const rule =
        allowed.length > 0 ? `only ${allowed.map((value) => JSON.stringify(value)).join(' or ')} is supported` : 'dequantise first'
      throw unsupported(key, value, rule)
    }
  }
  const set: Fields = { ...defaults, ...withoutUndefined(fields) }
  const number = (key: string, fallback?: number) => numberOf(set, key, fallback)
  const numLayers = number('num_hidden_layers')
  if (numLayers > maxLayers) throw unsupported('num_hidden_layers', numLayers, `more than ${maxLayers} are taken for a mistake`)
  const hiddenSize = number('hidden_size')
  const headDim = number('head_dim', hiddenSize / number('num_attention_heads'))
  if (!(headDim <= maxHeadDim)) throw unsupported('head_dim', headDim, `more than ${maxHeadDim} are taken for a mistake`)
  const rope = fromHuggingFace({ ...set, head_dim: set.head_dim ?? null, rope_theta: set.rope_theta ?? defaults.rope_theta })
  return {
    vocabSize: number('vocab_size'),
    hiddenSize,
    intermediateSize: number('intermediate_size'),
    numLayers,
    numHeads: number('num_attention_heads'),
    numKvHeads: number('num_key_value_heads', number('num_attention_heads')),
    headDim: rope.headDim,
    maxPositionEmbeddings: number('max_position_embeddings', 2048),
    rope,
    rmsNormEps: number('rms_norm_eps', 1e-6),
    tieWordEmbeddings: set.tie_word_embeddings === true,
    initializerRange: number('initializer_range', 0.02),
    bosTokenId: tokenId('bos_token_id', set.bos_token_id),
    eosTokenId: Array.isArray(set.eos_token_id)
      ? set.eos_token_id.map((id: unknown) => numberOf({ eos_token_id: id }, 'eos_token_id'))
      : tokenId('eos_token_id', set.eos_token_id),
    ...(modelType !== 'llama' && { modelType }),
    ...readFeatures(modelType, set, numLayers, unsupported),
  }
}

/** The `config.json` that transformers 4 and 5 read; rope in the spelling of 4. */
export function toHuggingFaceConfig(config: LlamaConfig, dtype: string): Fields {
  const { modelType = 'llama' } = config
  const { className } = architectures[modelType]
  return toHuggingFace(config.rope, {
    architectures: [className],
    model_type: modelType,
    torch_dtype: dtype,
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.numLayers,
    num_attention_heads: config.numHeads,
    num_key_value_heads: config.numKvHeads,
    hidden_act: 'silu',
    max_position_embeddings: config.maxPositionEmbeddings,
    rms_norm_eps: config.rmsNormEps,
    tie_word_embeddings: config.tieWordEmbeddings,
    initializer_range: config.initializerRange,
    bos_token_id: config.bosTokenId,
    eos_token_id: config.eosTokenId,
    ...writeFeatures(config),
    use_cache: true,
  })
}

function numberOf(fields: Fields, key: string, fallback?: number): number {
  const value = fields[key] ?? fallback
  if (typeof value === 'number') return value
  throw new TypeError(`llamaConfig: ${key} is ${value === undefined ? 'missing' : JSON.stringify(value)}; it must be a number.`)
}

const tokenId = (key: string, value: unknown): number | null =>
  value === null || value === undefined ? null : numberOf({ [key]: value }, key)

const withoutUndefined = <T extends object>(fields: T): T =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T

const unsupported = (key: string, value: unknown, rule: string) =>
  new RangeError(`llamaConfig: ${key} is ${JSON.stringify(value)?.slice(0, 200)}, which is not supported; ${rule}.`)
