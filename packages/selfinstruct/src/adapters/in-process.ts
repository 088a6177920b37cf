import type { Complete, CompleteOptions, Message } from '../types.ts'
import { fillIn, stringIn } from './fill-in.ts'

/** What a generator of tokens is told; llama-model's `generate` takes it as it is. */
export interface TokenRequest {
  readonly tokens: ArrayLike<number>
  readonly maxNewTokens: number
  readonly stopTokens: readonly number[]
  readonly temperature?: number | undefined
  readonly seed?: number | undefined
  /** Added to the logits of these tokens. */
  readonly logitBias?: Readonly<Record<number, number>> | undefined
  readonly signal?: AbortSignal | undefined
}

export interface InProcessOptions {
  /** Continues a prompt, one token at a time, such as `(request) => generate(params, config, request)` of llama-model. */
  readonly generate: (request: TokenRequest) => AsyncIterable<{ readonly token: number }>
  /** The tokens of a chat in the model's own template, up to where the assistant's turn begins. */
  readonly encode: (messages: readonly Message[]) => ArrayLike<number>
  readonly decode: (tokens: readonly number[]) => string
  /**
   * The tokens of a text within a turn, no special ones. With it a call's `schema` is kept to: keys and punctuation are given, the model
   * writes the values, which takes one prefill of the prompt each. Without it the schema is for the prompt alone to ask for.
   */
  readonly encodeText?: ((text: string) => ArrayLike<number>) | undefined
  /** What ends a reply; no part of it. */
  readonly stopTokens: readonly number[]
  /** Prompt and reply together. */
  readonly contextLength: number
  /** For calls that name none; default 512 and 0. */
  readonly maxTokens?: number
  readonly temperature?: number
}

/**
 * A model in this process as a `Complete`: one call at a time, in the order they came, since calls would share its threads and memory.
 * The returned function rejects with a RangeError for a prompt that leaves no room for a reply, and with the reason of its signal.
 */
export function inProcess(options: InProcessOptions): Complete {
  let last: Promise<unknown> = Promise.resolve()
  return (messages, call = {}) => {
    const turn = last.then(() => replyTo(messages, call, options))
    last = turn.catch(() => {})
    return turn
  }
}

async function replyTo(messages: readonly Message[], call: CompleteOptions, options: InProcessOptions): Promise<string> {
  const { generate, encode, decode, encodeText, stopTokens, contextLength } = options
  const { signal, temperature = options.temperature, maxTokens = options.maxTokens ?? 512, seed, schema, onUsage } = call
  signal?.throwIfAborted()
  const prompt = Array.from(encode(messages))
  if (prompt.length >= contextLength)
    throw new RangeError(
      `inProcess: the prompt has ${prompt.length} tokens, the model's context ${contextLength}; there is no room for a reply. Lower chunkCharacters.`,
    )
  let completionTokens = 0

  /** The reply after `begun`, until it ends, until `isOver` says so of its text, or for `limit` tokens. */
  async function written(begun: readonly number[], limit: number, isOver?: (text: string) => boolean) {
    const tokens = [...prompt, ...begun]
    const made: number[] = []
    const request = {
      tokens,
      maxNewTokens: Math.max(0, Math.min(limit, contextLength - tokens.length)),
      stopTokens,
      temperature,
      seed,
      signal,
    }
    for await (const { token } of generate(request)) {
      completionTokens++
      if (stopTokens.includes(token)) return { text: decode(made), tokens: made.length, hasStopped: true }
      made.push(token)
      if (isOver?.(decode(made))) break
    }
    signal?.throwIfAborted()
    return { text: decode(made), tokens: made.length, hasStopped: false }
  }

  /** The likeliest option, token by token. */
  async function choice(encoded: readonly { readonly option: string; readonly tokens: readonly number[] }[], begun: readonly number[]) {
    let rest = encoded
    for (let i = 0; rest.length > 1; i++) {
      if (rest.every(({ tokens }) => tokens[i] === rest[0]!.tokens[i])) continue
      const logitBias = Object.fromEntries(rest.map(({ tokens }) => [tokens[i]!, 1000])) // above whatever a model says of others
      const tokens = [...prompt, ...begun, ...rest[0]!.tokens.slice(0, i)]
      for await (const { token } of generate({ tokens, maxNewTokens: 1, stopTokens: [], temperature: 0, logitBias, signal }))
        rest = rest.filter((one) => one.tokens[i] === token)
      if (rest.length === 0)
        throw new Error('inProcess: generate took a token that logitBias rules out; it must add logitBias to the logits.')
      signal?.throwIfAborted()
      completionTokens++
    }
    return rest[0]!.option
  }

  const reply = async (): Promise<string> => {
    if (schema === undefined || encodeText === undefined) return (await written([], maxTokens)).text
    const tokensOf = (text: string) => Array.from(encodeText(text))
    return fillIn(schema.schema, maxTokens, {
      async string(begun, limit) {
        const { text, tokens, hasStopped } = await written(tokensOf(begun), limit, (so) => stringIn(so).isOver)
        const { content, isOver } = stringIn(text)
        return { content, tokens, isOver: isOver || hasStopped }
      },
      // with the closing quote, so that none is the beginning of another
      choice: (begun, values) =>
        choice(
          values.map((option) => ({ option, tokens: tokensOf(`${option}"`) })),
          tokensOf(begun),
        ),
    })
  }
  const text = await reply()
  onUsage?.({ promptTokens: prompt.length, completionTokens })
  return text
}
