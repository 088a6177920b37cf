import type { LlamaConfig } from '../config.ts'
import { generate } from '../generate/generate.ts'
import type { GeneratedToken, SamplingOptions } from '../generate/options.ts'
import type { Params } from '../params.ts'
import { textStream } from './text-stream.ts'
import type { Message, TextTokenizer } from './tokenizer.ts'

/** A model that reads and writes text. */
export interface TextModel {
  readonly params: Params
  readonly config: LlamaConfig
  readonly tokenizer: TextTokenizer
}

export interface CompleteOptions extends SamplingOptions {
  /** Texts that end the answer; they are no part of it. */
  readonly stop?: readonly string[] | undefined
}

/** A piece of the answer: one for each token, and one more at the end. */
export interface TextPart {
  /** Whole characters that nothing can take back; may be ''. */
  readonly text: string
  /** The token that came; none with the last part. */
  readonly token?: GeneratedToken
  /** With the last part: a stop token or text came, or `maxNewTokens` were made. */
  readonly finishReason?: 'stop' | 'length'
}

/**
 * Continues a text, or tokens, piece by piece. Stops at `config.eosTokenId` and the tokenizer's `endTokens` unless `stopTokens` says otherwise.
 * All is freed at the end, at a `break` and when something throws.
 * @throws as `generate`, when called
 */
export function complete(
  model: TextModel,
  prompt: string | readonly number[],
  options: CompleteOptions,
): AsyncGenerator<TextPart, void, undefined> {
  const tokens = typeof prompt === 'string' ? model.tokenizer.encode(prompt) : prompt
  const { stop = [], stopTokens = endTokens(model), ...sampling } = options
  if (stop.includes('')) throw new RangeError("complete: a text in stop is ''; it would end every answer before it begins.")
  const stream = generate(model.params, model.config, { ...sampling, tokens, stopTokens })
  return parts(model.tokenizer, stream, stop, stopTokens)
}

/**
 * Answers a conversation, which the model's chat template turns into tokens.
 * @throws Error where the model has no chat template; otherwise as `complete`
 */
export const chat = (model: TextModel, messages: readonly Message[], options: CompleteOptions): AsyncGenerator<TextPart, void, undefined> =>
  complete(model, model.tokenizer.encodeChat(messages), options)

const endTokens = ({ config, tokenizer }: TextModel): number[] => [
  ...(config.eosTokenId === null ? [] : [config.eosTokenId].flat()),
  ...tokenizer.endTokens,
]

async function* parts(
  tokenizer: TextTokenizer,
  stream: AsyncGenerator<GeneratedToken, void, undefined>,
  stop: readonly string[],
  stopTokens: readonly number[],
): AsyncGenerator<TextPart, void, undefined> {
  const text = textStream(tokenizer, stop)
  let last: number | undefined
  for await (const token of stream) {
    last = token.token
    yield { text: stopTokens.includes(last) ? '' : text.push(last), token }
    if (text.stopped) break
  }
  const ended = text.stopped || (last !== undefined && stopTokens.includes(last))
  const rest = text.end()
  yield { text: rest, finishReason: ended || text.stopped ? 'stop' : 'length' }
}
