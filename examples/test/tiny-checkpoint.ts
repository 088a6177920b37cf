// A checkpoint of random numbers with a small tokenizer, as a folder in the Hugging Face layout.
import * as tf from '@tensorflow/tfjs'
import { initParams, llamaConfig, savePretrained } from 'llama-model'
import { trainTokenizer } from 'seq-packer/node'
import { readTexts } from '../long-context/texts.ts'
import { endOfText, tokenizerFiles } from '../long-context/tokenizer.ts'

/** Saves one for contexts of `length` tokens at `dir`. */
export async function saveTinyCheckpoint(dir: string, length: number): Promise<void> {
  const { texts } = await readTexts({ maxTexts: 6, shortLength: 64, longLength: 512 })
  const training = trainTokenizer(texts, { vocabularySize: 320, specialTokens: [endOfText], pattern: 'smollm' })
  let made = await training.next()
  while (!made.done) made = await training.next()
  const config = llamaConfig({
    architectures: ['LlamaForCausalLM'],
    vocab_size: 320,
    hidden_size: 16,
    intermediate_size: 32,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    max_position_embeddings: length,
    rope_theta: 10_000,
    rms_norm_eps: 1e-5,
    initializer_range: 0.1,
    tie_word_embeddings: true,
    bos_token_id: 0,
    eos_token_id: 0,
  })
  const params = initParams(config, 1)
  await savePretrained(dir, { params, config, tokenizer: tokenizerFiles(JSON.parse(made.value)) })
  tf.dispose(params)
}
