import OpenAI from 'openai'
import { failure, marksOf } from './failure.ts'
import { explain, isRefusedRequest, marksFor } from './openai-error.ts'
import type { Complete, CompleteOptions, Message, Usage } from './types.ts'

export interface OpenAICompatibleOptions {
  /** Where the API starts, usually ending in `/v1`, for example `http://localhost:8000/v1`. */
  readonly baseURL: string
  /** The model's name as the server lists it under `/models`. */
  readonly model: string
  /** Default 'none': local servers take any key. Never read from the environment. */
  readonly apiKey?: string
  /** For calls that name none; default: the server's own. */
  readonly temperature?: number
  /** Longest reply in tokens for calls that name none; default: the server's own. */
  readonly maxTokens?: number
  /** How long one try may wait for the server's answer to begin; default 120 000. */
  readonly timeoutMs?: number
  /** Further tries after a lost connection, a timeout, or status 408, 409, 429 and 5xx, with growing pauses; default 2. */
  readonly maxRetries?: number
}

/**
 * A chat model behind an OpenAI-compatible server (vLLM, llama.cpp, Ollama, OpenAI …), as a `Complete`: one `POST {baseURL}/chat/completions` per
 * call by the `openai` library, which also retries.
 * @throws TypeError or RangeError at once for options that cannot work. The returned function rejects with an Error that names the base URL, the
 * status and what to do: no server, unknown host, timeout, 400, 401, 403, 404, 429, 5xx, a reply that is no JSON, without choices, or empty.
 * An abort rejects with the reason of its signal. A `schema` is sent as `response_format`, to a server that refuses that not again.
 * @see https://platform.openai.com/docs/api-reference/chat
 */
export function openAICompatible({
  baseURL,
  model,
  apiKey = 'none',
  temperature,
  maxTokens,
  timeoutMs = 120_000,
  maxRetries = 2,
}: OpenAICompatibleOptions): Complete {
  if (!URL.canParse(baseURL) || !/^https?:$/.test(new URL(baseURL).protocol))
    throw new TypeError(`openAICompatible: baseURL is '${baseURL}'; it must be a URL of http or https, such as http://localhost:8000/v1.`)
  if (typeof model !== 'string' || model === '')
    throw new TypeError(`openAICompatible: model is '${model}'; name one that ${baseURL}/models lists.`)
  if (!(timeoutMs > 0)) throw new RangeError(`openAICompatible: timeoutMs is ${timeoutMs}; it must be > 0.`)
  if (!Number.isSafeInteger(maxRetries) || maxRetries < 0)
    throw new RangeError(`openAICompatible: maxRetries is ${maxRetries}; it must be a whole number ≥ 0.`)
  // organization and project belong to one vendor; null keeps the environment's out of other servers' requests
  const client = new OpenAI({ baseURL, apiKey, timeout: timeoutMs, maxRetries, organization: null, project: null })
  // servers that quote the request in a message or a reply must not bring the key into journals and logs
  const hidden = (text: string): string => (apiKey.length < 8 ? text : text.replaceAll(apiKey, '[key]'))
  let takesSchemas = true
  const create = async (messages: readonly Message[], { signal, seed, schema, ...options }: CompleteOptions): Promise<unknown> => {
    const request = {
      temperature: options.temperature ?? temperature,
      max_tokens: options.maxTokens ?? maxTokens,
      seed,
      response_format: schema && takesSchemas ? ({ type: 'json_schema', json_schema: { ...schema, strict: true } } as const) : undefined,
    }
    const named = Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined)) // what is not named is the server's to choose
    try {
      return await client.chat.completions.create({ ...named, model, messages: [...messages] }, signal === undefined ? {} : { signal })
    } catch (error) {
      if (request.response_format === undefined || !isRefusedRequest(error)) throw error
      const completion = await create(messages, { signal, seed, ...options }) // a server without structured output; the messages ask for JSON too
      takesSchemas = false
      return completion
    }
  }
  return async (messages, options = {}) => {
    let completion: unknown
    try {
      completion = await create(messages, options)
    } catch (error) {
      options.signal?.throwIfAborted()
      // no cause: it may hold what the server was sent, the key among it
      throw failure(hidden(explain(error, { baseURL, model, timeoutMs, maxRetries })), marksFor(error))
    }
    try {
      const who = `openAICompatible: ${baseURL} (model '${model}')`
      options.onUsage?.(usageOf(completion))
      return hidden(contentOf(completion, who))
    } catch (error) {
      throw failure(hidden(error instanceof Error ? error.message : String(error)), { retryable: true, ...marksOf(error) })
    }
  }
}

interface Completion {
  readonly choices?: readonly {
    readonly finish_reason?: string
    readonly message?: { readonly content?: unknown; readonly refusal?: unknown }
  }[]
}

function contentOf(completion: unknown, who: string): string {
  const { choices }: Completion = Object(completion)
  const first = Array.isArray(choices) ? choices[0] : undefined
  if (!first?.message)
    throw new Error(
      `${who} answered without choices: ${excerpt(completion)} Is this the chat API of an OpenAI-compatible server? Its base URL usually ends in /v1.`,
    )
  const { content, refusal } = first.message
  if (typeof content === 'string' && content.trim() !== '') return content
  if (typeof refusal === 'string' || first.finish_reason === 'content_filter')
    throw failure(`${who} declined: ${excerpt(refusal ?? 'its content filter')}`, { refused: true, retryable: false })
  const why =
    first.finish_reason === 'length'
      ? 'it reached the largest number of tokens before it said anything; raise maxTokens.'
      : `${excerpt(first)} Try another model or prompt.`
  throw new Error(`${who} answered with no text (finish_reason '${first.finish_reason}'): ${why}`)
}

function usageOf(completion: unknown): Usage {
  const { prompt_tokens: promptTokens, completion_tokens: completionTokens } = Object(Object(completion).usage)
  return { promptTokens: Number(promptTokens) || 0, completionTokens: Number(completionTokens) || 0 }
}

function excerpt(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'an empty body')
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}
