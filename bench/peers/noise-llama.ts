import { type LlamaConfig, llamaConfig } from 'llama-model'
import { noise } from '../inputs.ts'

export interface GenerateInput {
  /** As config.json has it. */
  readonly config: Readonly<Record<string, unknown>>
  /** Tokens of the prompt. */
  readonly T: number
}

export interface Weight {
  readonly shape: readonly number[]
  readonly values: Float32Array
}

/** Names and shapes, sorted by name; embeddings tied. */
function shapesOf({ vocabSize: V, hiddenSize: C, intermediateSize: F, numLayers, numHeads: H, numKvHeads: K, headDim: D }: LlamaConfig) {
  const block = {
    input_layernorm: [C],
    'self_attn.q_proj': [H * D, C],
    'self_attn.k_proj': [K * D, C],
    'self_attn.v_proj': [K * D, C],
    'self_attn.o_proj': [C, H * D],
    post_attention_layernorm: [C],
    'mlp.gate_proj': [F, C],
    'mlp.up_proj': [F, C],
    'mlp.down_proj': [C, F],
  }
  const layers = Array.from({ length: numLayers }, (_, layer) =>
    Object.entries(block).map(([part, shape]): [string, readonly number[]] => [`model.layers.${layer}.${part}.weight`, shape]),
  )
  const all: [string, readonly number[]][] = [['model.embed_tokens.weight', [V, C]], ['model.norm.weight', [C]], ...layers.flat()]
  return all.sort(([a], [b]) => (a < b ? -1 : 1))
}

/** A Llama whose matrices and prompt come from `noise`, as python/generate_works.py has them; weights are made one at a time. */
export function noiseLlama({ config: source, T }: GenerateInput) {
  const config = llamaConfig(source)
  const tokens = Array.from(noise(T, 1000), (x) => Math.floor(((x + 1) / 2) * config.vocabSize))
  function* weights(): Generator<[name: string, weight: Weight]> {
    for (const [seed, [name, shape]] of shapesOf(config).entries()) {
      const size = shape.reduce((product, length) => product * length)
      yield [name, { shape, values: shape.length === 1 ? new Float32Array(size).fill(1) : noise(size, seed, 0.05) }]
    }
  }
  return { config, tokens, weights }
}
