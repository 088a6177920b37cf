import type { Complete, Message } from '../types.ts'

/** What a generator of tokens is told; llama-model's `generate` takes it as it is. */
export interface TokenRequest {
  readonly tokens: ArrayLike<number>
  readonly maxNewTokens: number
  readonly stopTokens: readonly number[]
  readonly temperature?: number | undefined
  readonly seed?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface InProcessOptions {
  /** Continues a prompt, one token at a time, such as `(request) => generate(params, config, request)` of llama-model. */
  readonly generate: (request: TokenRequest) => AsyncIterable<{ readonly token: number }>
  /** The tokens of a chat in the model's own template, up to where the assistant's turn begins. */
  readonly encode: (messages: readonly Message[]) => ArrayLike<number>
  readonly decode: (tokens: readonly number[]) => string
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
export function inProcess({ generate, encode, decode, stopTokens, contextLength, ...defaults }: InProcessOptions): Complete {
  let last: Promise<unknown> = Promise.resolve()
  return (messages, { signal, temperature = defaults.temperature, maxTokens = defaults.maxTokens ?? 512, seed, onUsage } = {}) => {
    const turn = last.then(async () => {
      signal?.throwIfAborted()
      const tokens = encode(messages)
      const room = contextLength - tokens.length
      if (room < 1)
        throw new RangeError(
          `inProcess: the prompt has ${tokens.length} tokens, the model's context ${contextLength}; there is no room for a reply. Lower chunkCharacters.`,
        )
      const made: number[] = []
      const request = { tokens, maxNewTokens: Math.min(maxTokens, room), stopTokens, temperature, seed, signal }
      for await (const { token } of generate(request)) made.push(token)
      signal?.throwIfAborted()
      onUsage?.({ promptTokens: tokens.length, completionTokens: made.length })
      return decode(stopTokens.includes(made.at(-1) ?? -1) ? made.slice(0, -1) : made)
    })
    last = turn.catch(() => {})
    return turn
  }
}
