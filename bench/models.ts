/** A Llama and a batch, as cases name them. */
export interface Model {
  readonly batchSize: number
  readonly T: number
  readonly channels: number
  readonly mlp: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly vocabulary: number
  readonly tied: boolean
}
/** 6.84 million parameters. */
export const main: Model = { batchSize: 4, T: 512, channels: 256, mlp: 688, layers: 6, heads: 4, kvHeads: 4, vocabulary: 4096, tied: false }
/** The recipe's model. */
export const recipe: Model = {
  batchSize: 1,
  T: 1024,
  channels: 64,
  mlp: 192,
  layers: 3,
  heads: 2,
  kvHeads: 1,
  vocabulary: 1024,
  tied: true,
}
/** SmolLM2-135M's shape. */
export const smol: Model = {
  batchSize: 1,
  T: 64,
  channels: 576,
  mlp: 1536,
  layers: 30,
  heads: 9,
  kvHeads: 3,
  vocabulary: 49_152,
  tied: true,
}

/** Six operations a weight of a matrix and token, and the visible half of attention three and a half times. */
export function flopsOf({ batchSize, T, channels: C, mlp, layers, heads, kvHeads, vocabulary }: Model): number {
  const perLayer = 2 * C * C + (2 * C * C * kvHeads) / heads + 3 * C * mlp
  return 6 * (layers * perLayer + C * vocabulary) * batchSize * T + 3.5 * 2 * C * T * T * layers * batchSize
}

export const nameOf = ({ batchSize, T, channels, layers, vocabulary }: Model): string =>
  `${batchSize} × ${T} tokens, ${layers} layers of ${channels}, V ${vocabulary}`

export function inputOf({ batchSize, T, channels, mlp, layers, heads, kvHeads, vocabulary, tied }: Model) {
  const config = {
    architectures: ['LlamaForCausalLM'],
    vocab_size: vocabulary,
    hidden_size: channels,
    intermediate_size: mlp,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    tie_word_embeddings: tied,
  }
  return { batchSize, T, config }
}
