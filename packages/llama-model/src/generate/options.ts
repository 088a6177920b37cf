import type { LlamaConfig } from '../config.ts'
import { checkSeed } from '../random.ts'

/** How tokens are chosen, and when to stop. */
export interface SamplingOptions {
  readonly maxNewTokens: number
  /** Divides logits before drawing; default 0: the likeliest token always. */
  readonly temperature?: number | undefined
  /** Draw among this many likeliest tokens; default all. */
  readonly topK?: number | undefined
  /** Draw among the fewest likeliest tokens whose probabilities reach this sum, in (0, 1]; default 1. Applied after `topK`. */
  readonly topP?: number | undefined
  /** Draw among tokens at least this share as probable as the likeliest, in [0, 1]; default 0. Applied after `topP`. */
  readonly minP?: number | undefined
  /** Logits of tokens that occurred, prompt included, are divided by it where positive, multiplied where negative; default 1. */
  readonly repetitionPenalty?: number | undefined
  /** Added to the logits of these tokens; −Infinity forbids one. */
  readonly logitBias?: Readonly<Record<number, number>> | undefined
  /** Of the draws; default 0. */
  readonly seed?: number | undefined
  /** Default: `config.eosTokenId`. `[]` never stops early. */
  readonly stopTokens?: readonly number[] | undefined
  /** Report this many likeliest tokens of each step; default 0. */
  readonly topLogProbabilities?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface GenerateOptions extends SamplingOptions {
  /** The prompt; at least one token. */
  readonly tokens: ArrayLike<number>
}

export interface GenerateBatchOptions extends SamplingOptions {
  /** Prompts of any lengths; at least one, each of at least one token. */
  readonly prompts: readonly ArrayLike<number>[]
}

export interface GeneratedToken {
  readonly token: number
  /** Natural logarithm of the token's probability under the model: temperature 1, all tokens, nothing penalised. */
  readonly logProbability: number
  /** The likeliest tokens, in falling order; `topLogProbabilities` of them. */
  readonly top: readonly { readonly token: number; readonly logProbability: number }[]
}

export function checkPrompt(who: string, name: string, tokens: ArrayLike<number>, { vocabSize }: LlamaConfig): void {
  if (!(tokens?.length > 0)) throw new RangeError(`${who}: ${name} is empty; pass at least one, such as the begin-of-text token.`)
  for (let i = 0; i < tokens.length; i++) checkToken(who, `${name}[${i}]`, tokens[i]!, vocabSize)
}

function checkToken(who: string, name: string, token: number, vocabSize: number): void {
  if (Number.isInteger(token) && token >= 0 && token < vocabSize) return
  throw new RangeError(`${who}: ${name} is ${token}; it must be a whole number in [0, ${vocabSize - 1}].`)
}

export function checkSampling(who: string, options: SamplingOptions, { vocabSize }: LlamaConfig): void {
  const { maxNewTokens, temperature = 0, topK = vocabSize, topP = 1, minP = 0, repetitionPenalty = 1, seed = 0 } = options
  const refuse = (name: string, value: unknown, rule: string) => {
    throw new RangeError(`${who}: ${name} is ${String(value)}; it must ${rule}.`)
  }
  const isWhole = (value: number, minimum: number) => Number.isSafeInteger(value) && value >= minimum
  if (!isWhole(maxNewTokens, 0)) refuse('maxNewTokens', maxNewTokens, 'be a whole number ≥ 0')
  if (!(temperature >= 0 && temperature < Number.POSITIVE_INFINITY)) {
    refuse('temperature', temperature, 'be a finite number ≥ 0. 0 takes the likeliest token')
  }
  if (!isWhole(topK, 1)) refuse('topK', topK, 'be a whole number ≥ 1')
  if (!(topP > 0 && topP <= 1)) refuse('topP', topP, 'lie in (0, 1]')
  if (!(minP >= 0 && minP <= 1)) refuse('minP', minP, 'lie in [0, 1]')
  if (!(repetitionPenalty > 0 && repetitionPenalty < Number.POSITIVE_INFINITY)) {
    refuse('repetitionPenalty', repetitionPenalty, 'be a finite number > 0. 1 changes nothing')
  }
  for (const [token, bias] of Object.entries(options.logitBias ?? {})) {
    checkToken(who, 'a key of logitBias', Number(token), vocabSize)
    if (!(bias < Number.POSITIVE_INFINITY)) refuse(`logitBias[${token}]`, bias, 'be a number below infinity')
  }
  const { topLogProbabilities = 0 } = options
  if (!isWhole(topLogProbabilities, 0)) refuse('topLogProbabilities', topLogProbabilities, 'be a whole number ≥ 0')
  checkSeed(who, seed)
}
