import { type LlamaConfig, llamaConfig } from '../config.ts'
import { fieldsOf } from './fields.ts'
import type { GgufTensor } from './header.ts'
import type { Metadata } from './metadata.ts'
import { type RopeFactors, ropeFields } from './rope.ts'

const architectures = ['llama', 'qwen2', 'qwen3', 'smollm3']

/** The configuration that metadata and tensors of a GGUF file say. @throws RangeError that starts with `who` and names what is not supported */
export function readConfig(who: string, metadata: Metadata, tensors: readonly GgufTensor[], factors: RopeFactors): LlamaConfig {
  const architecture = metadata.get('general.architecture')
  if (typeof architecture !== 'string' || !architectures.includes(architecture)) {
    throw new RangeError(
      `${who}: general.architecture is ${JSON.stringify(architecture)?.slice(0, 80) ?? 'missing'}; ${architectures.join(', ')} can be read.`,
    )
  }
  const fields = fieldsOf(who, metadata, architecture)
  const { number, optional } = fields
  const embedding = tensors.find(({ name }) => name === 'token_embd.weight')
  if (!embedding) throw new RangeError(`${who}: tensor 'token_embd.weight' is missing. The file is damaged, or part of a split one.`)
  const has = (name: string) => tensors.some((tensor) => tensor.name === name)
  const numHeads = number('attention.head_count')
  const headDim = number('attention.key_length', number('embedding_length') / numHeads)
  if (number('rope.dimension_count', headDim) !== headDim || number('attention.value_length', headDim) !== headDim) {
    throw new RangeError(`${who}: heads that turn in part, or whose values have another width than ${headDim}, are not supported.`)
  }
  const config = named(who, () =>
    llamaConfig({
      model_type: architecture,
      vocab_size: embedding.shape[0],
      hidden_size: number('embedding_length'),
      intermediate_size: number('feed_forward_length'),
      num_hidden_layers: number('block_count'),
      num_attention_heads: numHeads,
      num_key_value_heads: number('attention.head_count_kv', numHeads),
      head_dim: headDim,
      max_position_embeddings: number('context_length'),
      rms_norm_eps: number('attention.layer_norm_rms_epsilon'),
      tie_word_embeddings: !has('output.weight'),
      bos_token_id: optional('tokenizer.ggml.bos_token_id', 'number') ?? null,
      eos_token_id: optional('tokenizer.ggml.eos_token_id', 'number') ?? null,
      mlp_bias: has('blk.0.ffn_gate.bias'),
      attention_bias: has('blk.0.attn_output.bias'),
      ...ropeFields(fields, headDim, factors),
    }),
  )
  return has('blk.0.attn_q.bias') && !has('blk.0.attn_output.bias') ? { ...config, attentionBias: 'qkv' } : config
}

function named<T>(who: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw new RangeError(`${who}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
