import * as tf from '@tensorflow/tfjs-core'
import { type LoadOptions, loadPretrained } from '../checkpoint/load-pretrained.ts'
import type { ModelLocation } from '../checkpoint/location.ts'
import type { TextModel } from './complete.ts'
import { makeTokenizer } from './tokenizer.ts'

/**
 * Reads a model with its tokenizer: a folder in the Hugging Face layout or a `.gguf` file, as `loadPretrained` does.
 * @returns a model whose `params` the caller disposes
 * @throws as `loadPretrained`, and where there is no tokenizer; nothing stays allocated then
 */
export async function loadTextModel(location: ModelLocation, options: Pick<LoadOptions, 'cache'> = {}): Promise<TextModel> {
  const { params, config, tokenizer, original: { 'generation_config.json': generation } = {} } = await loadPretrained(location, options)
  try {
    return {
      params,
      config,
      tokenizer: makeTokenizer({ ...tokenizer, ...(generation !== undefined && { 'generation_config.json': generation }) }),
    }
  } catch (error) {
    tf.dispose(params)
    throw error
  }
}
