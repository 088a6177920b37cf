// The small Llama of this recipe, and any model as the evaluations see it: sequences in, losses or continuations out.
import * as tf from '@tensorflow/tfjs-core'
import { generate, type LlamaConfig, llamaConfig, type Params, tokenLosses } from 'llama-model'
import type { LanguageModel } from 'long-context-eval'
import type { Settings } from './settings.ts'
import { endOfTextId } from './tokenizer.ts'

/** A Llama with grouped queries and tied embeddings, at short context. */
export const smallLlama = (settings: Settings): LlamaConfig =>
  llamaConfig({
    architectures: ['LlamaForCausalLM'],
    vocab_size: settings.vocabularySize,
    hidden_size: settings.hiddenSize,
    intermediate_size: settings.intermediateSize,
    num_hidden_layers: settings.numLayers,
    num_attention_heads: settings.numHeads,
    num_key_value_heads: settings.numKvHeads,
    max_position_embeddings: settings.shortLength,
    rope_theta: settings.ropeTheta,
    rms_norm_eps: 1e-5,
    initializer_range: 0.04, // small models start faster from larger numbers than the usual 0.02
    tie_word_embeddings: true,
    bos_token_id: endOfTextId,
    eos_token_id: endOfTextId,
  })

/** `maxTokens`: how many tokens go through the model at once. `begin`: what every document began with in training. */
export function languageModel(
  params: Params,
  config: LlamaConfig,
  maxTokens: number,
  begin: readonly number[] = [endOfTextId],
): LanguageModel {
  const ends = [config.eosTokenId ?? []].flat()
  return {
    async tokenLosses(sequences) {
      const losses: Float32Array[] = []
      for (let i = 0; i < sequences.length; ) {
        const length = sequences[i]!.length
        const most = Math.max(1, Math.floor(maxTokens / length))
        let n = 1
        while (n < most && sequences[i + n]?.length === length) n++
        const flat = Int32Array.from(sequences.slice(i, i + n).flatMap((sequence) => Array.from(sequence)))
        const tokens = tf.tensor2d(flat, [n, length], 'int32')
        const nll = tokenLosses(params, config, { tokens })
        const values = (await nll.data()) as Float32Array
        tf.dispose([tokens, nll])
        for (let row = 0; row < n; row++) {
          const own = values.slice(row * length, (row + 1) * length)
          own[0] = Number.NaN // nothing precedes the first token
          losses.push(own)
        }
        i += n
      }
      return losses
    },
    async generate(prompt, { maxNewTokens }) {
      const made: number[] = []
      const tokens = [...begin, ...prompt]
      for await (const { token } of generate(params, config, { tokens, maxNewTokens })) if (!ends.includes(token)) made.push(token)
      return Int32Array.from(made)
    },
  }
}
