// The model as the evaluations see it: sequences in, losses or continuations out.
import * as tf from '@tensorflow/tfjs-core'
import { generate, type LlamaConfig, type Params, tokenLosses } from 'llama-model'
import type { LanguageModel } from 'long-context-eval'

/** `maxTokens`: how many tokens go through the model at once. */
export function languageModel(params: Params, config: LlamaConfig, maxTokens: number): LanguageModel {
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
      // every document began with the end-of-text token in training
      const tokens = [0, ...prompt]
      for await (const { token } of generate(params, config, { tokens, maxNewTokens, stopTokens: [0] })) if (token !== 0) made.push(token)
      return Int32Array.from(made)
    },
  }
}
