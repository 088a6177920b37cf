import type { LlamaConfig } from '../config.ts'
import { checkSeed } from '../random.ts'

export interface GenerateOptions {
  /** The prompt; at least one token. */
  readonly tokens: ArrayLike<number>
  readonly maxNewTokens: number
  /** Divides logits before drawing; default 0: the likeliest token always. */
  readonly temperature?: number | undefined
  /** Draw among this many likeliest tokens; default all. */
  readonly topK?: number | undefined
  /** Draw among the fewest likeliest tokens whose probabilities reach this sum, in (0, 1]; default 1. Applied after `topK`. */
  readonly topP?: number | undefined
  /** Of the draws; default 0. */
  readonly seed?: number | undefined
  /** Default: `config.eosTokenId`. `[]` never stops early. */
  readonly stopTokens?: readonly number[] | undefined
  readonly signal?: AbortSignal | undefined
}

export function checkGenerateOptions(options: GenerateOptions, { vocabSize }: LlamaConfig): void {
  const { tokens, maxNewTokens, temperature = 0, topK = vocabSize, topP = 1, seed = 0 } = options
  if (!(tokens?.length > 0)) throw new RangeError('generate: tokens is empty; pass at least one, such as the begin-of-text token.')
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!
    if (!(Number.isInteger(token) && token >= 0 && token < vocabSize)) {
      throw new RangeError(`generate: tokens[${i}] is ${token}; it must be a whole number in [0, ${vocabSize - 1}].`)
    }
  }
  if (!Number.isSafeInteger(maxNewTokens) || maxNewTokens < 0) {
    throw new RangeError(`generate: maxNewTokens is ${maxNewTokens}; it must be a whole number ≥ 0.`)
  }
  if (!(temperature >= 0 && temperature < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`generate: temperature is ${temperature}; it must be a finite number ≥ 0. 0 takes the likeliest token.`)
  }
  if (!Number.isSafeInteger(topK) || topK < 1) throw new RangeError(`generate: topK is ${topK}; it must be a whole number ≥ 1.`)
  if (!(topP > 0 && topP <= 1)) throw new RangeError(`generate: topP is ${topP}; it must lie in (0, 1].`)
  checkSeed('generate', seed)
}
