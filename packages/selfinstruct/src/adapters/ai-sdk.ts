import { failure } from '../failure.ts'
import { marksOfStatus } from '../retry-after.ts'
import type { Complete, Message } from '../types.ts'

/** The part of the Vercel AI SDK's `LanguageModelV2` and later that is used: what its providers' functions return, such as `openai('…')`. */
export interface AiSdkModel {
  readonly provider: string
  readonly modelId: string
  readonly doGenerate: (options: AiSdkCall) => PromiseLike<AiSdkResult>
}

interface AiSdkCall {
  // biome-ignore lint/suspicious/noExplicitAny: a union in each version of the specification; contracts are tested
  prompt: any
  maxOutputTokens?: number
  temperature?: number
  seed?: number
  // biome-ignore lint/suspicious/noExplicitAny: JSONSchema7 there, a plain object here
  responseFormat?: any
  abortSignal?: AbortSignal
}

interface AiSdkResult {
  readonly content: readonly { readonly type: string; readonly text?: unknown }[]
  /** A text in version 2, `{ unified }` from 3 on. */
  readonly finishReason: string | { readonly unified: string }
  readonly usage: { readonly inputTokens: Count; readonly outputTokens: Count }
}

/** A number in version 2, `{ total }` from 3 on. */
type Count = number | undefined | { readonly total: number | undefined }

/**
 * A model of the Vercel AI SDK as a `Complete`, by its provider interface (versions 2 and later), without the `ai` package; it tries once, `limited`
 * tries again. The returned function rejects with an Error that names provider, model, status and message, and with the reason of its signal.
 * What looks like a key in a message (`sk-…`, `Bearer …`) is left out, since the key is known to the provider only.
 * @see https://ai-sdk.dev/docs/foundations/providers-and-models
 */
export function aiSdk(model: AiSdkModel): Complete {
  if (typeof Object(model).doGenerate !== 'function')
    throw new TypeError(
      `aiSdk: the model is ${JSON.stringify(model)}; pass what a provider of the AI SDK returns, such as openai('gpt-4o-mini').`,
    )
  const who = `aiSdk: ${model.provider} (model '${model.modelId}')`
  return async (messages, { signal, temperature, maxTokens, seed, schema, onUsage } = {}) => {
    const call = {
      temperature,
      maxOutputTokens: maxTokens,
      seed,
      responseFormat: schema && { type: 'json', ...schema },
      abortSignal: signal,
    }
    const named = Object.fromEntries(Object.entries(call).filter(([, value]) => value !== undefined))
    let result: AiSdkResult
    try {
      result = await model.doGenerate({ prompt: messages.map(promptOf), ...named })
    } catch (error) {
      signal?.throwIfAborted()
      const { statusCode, message, responseHeaders, isRetryable } = Object(error)
      const status = typeof statusCode === 'number' ? `status ${statusCode}: ` : ''
      const marks = status === '' ? { retryable: isRetryable !== false } : marksOfStatus(statusCode, responseHeaders?.['retry-after'])
      throw failure(`${who}: ${status}${withoutKeys(String(message ?? error))}`, marks) // no cause: it may hold what was sent
    }
    const { usage, content, finishReason } = result
    onUsage?.({ promptTokens: total(usage.inputTokens), completionTokens: total(usage.outputTokens) })
    const text = content.flatMap((part) => (part.type === 'text' ? [String(part.text)] : [])).join('')
    if (text.trim() !== '') return withoutKeys(text)
    const reason = typeof finishReason === 'string' ? finishReason : finishReason.unified
    throw failure(`${who} answered with no text (finish reason '${reason}').`, {
      retryable: reason !== 'content-filter',
      refused: reason === 'content-filter',
    })
  }
}

const promptOf = ({ role, content }: Message) => ({ role, content: role === 'system' ? content : [{ type: 'text', text: content }] })

const total = (count: Count): number => (typeof count === 'object' ? count.total : count) ?? 0

const withoutKeys = (text: string): string => text.replace(/\bsk-[\w-]{8,}|\b(Bearer )[\w.~+/-]{8,}=*/g, '$1[key]')
