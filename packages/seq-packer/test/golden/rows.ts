import { llamaConfig } from 'llama-model'
import { pack, type Row } from 'seq-packer'

/** The rows and the model that make_parquet.py hands to Python; the model's parameters are `initParams(config, 1)`. */
export const config = llamaConfig({
  model_type: 'llama',
  vocab_size: 64,
  hidden_size: 16,
  intermediate_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  max_position_embeddings: 32,
  rope_theta: 500_000,
  rms_norm_eps: 1e-5,
})

const lengths = [5, 11, 3, 40, 8, 1, 17, 6]
const documents = lengths.map((length, i) => ({
  id: `${i}`,
  source: 'golden',
  tokens: Array.from({ length }, (_, t) => 1 + ((i * 31 + t * t * 7 + t) % 63)),
  // an answer after a prompt in one of them
  lossWeights: Array.from({ length }, (_, t) => (i === 1 && t < 6 ? 0 : 1)),
}))
export const rows = (): Row[] => [...pack(documents, { rowLength: 24, strategy: 'best-fit', buffer: 4, overlap: 2 })]
