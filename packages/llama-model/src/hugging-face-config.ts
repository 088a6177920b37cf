import { fromHuggingFace, toHuggingFace } from 'rope-abf'
import type { LlamaConfig } from './config.ts'

type Fields = Readonly<Record<string, unknown>>

/** Settings that would change the result, with the values under which they do not. */
const neutral: Readonly<Record<string, readonly unknown[]>> = {
  attention_bias: [false],
  mlp_bias: [false],
  attention_dropout: [0],
  hidden_act: ['silu', 'swish'],
  quantization_config: [],
}

/** A parsed `config.json` as `LlamaConfig`; numbers are checked by the caller. */
export function readHuggingFaceConfig(fields: Fields): LlamaConfig {
  if (typeof fields !== 'object' || fields === null) {
    throw new TypeError(`llamaConfig: got ${String(fields)}; pass a parsed config.json or the name of a preset.`)
  }
  const { model_type: type = 'llama', architectures = ['LlamaForCausalLM'] } = fields
  if (type !== 'llama') throw unsupported('model_type', type, "it must be 'llama'")
  if (!Array.isArray(architectures) || !architectures.includes('LlamaForCausalLM')) {
    throw unsupported('architectures', architectures, "it must contain 'LlamaForCausalLM'")
  }
  for (const [key, allowed] of Object.entries(neutral)) {
    const value = fields[key] ?? allowed[0]
    if (value !== undefined && !allowed.includes(value)) {
      const rule =
        allowed.length > 0 ? `only ${allowed.map((value) => JSON.stringify(value)).join(' or ')} is supported` : 'dequantise first'
      throw unsupported(key, value, rule)
    }
  }
  const hiddenSize = numberOf(fields, 'hidden_size')
  const numHeads = numberOf(fields, 'num_attention_heads')
  const rope = fromHuggingFace(fields)
  return {
    vocabSize: numberOf(fields, 'vocab_size'),
    hiddenSize,
    intermediateSize: numberOf(fields, 'intermediate_size'),
    numLayers: numberOf(fields, 'num_hidden_layers'),
    numHeads,
    numKvHeads: numberOf(fields, 'num_key_value_heads', numHeads),
    headDim: rope.headDim,
    maxPositionEmbeddings: numberOf(fields, 'max_position_embeddings', 2048),
    rope,
    rmsNormEps: numberOf(fields, 'rms_norm_eps', 1e-6),
    tieWordEmbeddings: fields.tie_word_embeddings === true,
    initializerRange: numberOf(fields, 'initializer_range', 0.02),
    bosTokenId: tokenId('bos_token_id', fields.bos_token_id, 1),
    eosTokenId: Array.isArray(fields.eos_token_id)
      ? fields.eos_token_id.map((id: unknown) => numberOf({ eos_token_id: id }, 'eos_token_id'))
      : tokenId('eos_token_id', fields.eos_token_id, 2),
  }
}

/** The `config.json` that transformers 4 and 5 read; rope in the spelling of 4. */
export function toHuggingFaceConfig(config: LlamaConfig, dtype: string): Fields {
  return toHuggingFace(config.rope, {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
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
    attention_bias: false,
    mlp_bias: false,
    use_cache: true,
  })
}

function numberOf(fields: Fields, key: string, fallback?: number): number {
  const value = fields[key] ?? fallback
  if (typeof value === 'number') return value
  throw new TypeError(`llamaConfig: ${key} is ${value === undefined ? 'missing' : JSON.stringify(value)}; it must be a number.`)
}

const tokenId = (key: string, value: unknown, fallback: number): number | null =>
  value === null ? null : numberOf({ [key]: value }, key, fallback)

const unsupported = (key: string, value: unknown, rule: string) =>
  new RangeError(`llamaConfig: ${key} is ${JSON.stringify(value)}, which is not supported; ${rule}.`)
