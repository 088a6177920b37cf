import { failure, marksOf } from '../failure.ts'
import type { Complete, Usage } from '../types.ts'
import { pacer } from './pacer.ts'
import { wait } from './wait.ts'

/** What calls have taken so far; requests count every try. */
export interface Spent extends Usage {
  readonly requests: number
  readonly retries: number
}

export interface LimitOptions {
  /** Tries are spread evenly, at most so many a minute; default: no limit. */
  readonly requestsPerMinute?: number
  /** Further tries after a failure that is marked `retryable`; default 6. */
  readonly maxRetries?: number
  /** Pause before the first further try, doubled each time up to `maxDelayMs`, less up to half at random; default 500 and 60 000. */
  readonly firstDelayMs?: number
  readonly maxDelayMs?: number
  /** How long one try may take, its whole reply included; default 120 000. */
  readonly timeoutMs?: number
  /** Tries and tokens after which every call fails, which ends the run. */
  readonly budget?: { readonly requests?: number; readonly tokens?: number }
}

export interface Limited {
  readonly complete: Complete
  readonly spent: () => Spent
}

/**
 * `complete` kept within what its endpoint and its user allow: paced, timed out, tried again with growing pauses, stopped at a budget. A pause that the
 * server asks for (`Retry-After`) holds for all calls. Tokens are known after a reply, so calls under way may pass the token budget.
 * @throws RangeError at once for limits that cannot work; calls reject with the last failure, a fatal one when the budget is spent, or the reason
 * of their signal.
 */
export function limited(
  complete: Complete,
  {
    requestsPerMinute = Number.POSITIVE_INFINITY,
    maxRetries = 6,
    firstDelayMs = 500,
    maxDelayMs = 60_000,
    timeoutMs = 120_000,
    budget = {},
  }: LimitOptions = {},
): Limited {
  const positive = { requestsPerMinute, firstDelayMs, maxDelayMs, timeoutMs }
  for (const [name, value] of Object.entries(positive))
    if (!(value > 0)) throw new RangeError(`limited: ${name} is ${value}; it must be > 0.`)
  if (!Number.isSafeInteger(maxRetries) || maxRetries < 0)
    throw new RangeError(`limited: maxRetries is ${maxRetries}; it must be a whole number ≥ 0.`)
  const reserve = pacer(requestsPerMinute)
  let spent: Spent = { requests: 0, retries: 0, promptTokens: 0, completionTokens: 0 }
  let pausedUntil = 0
  const checkBudget = (): void => {
    const used = { requests: spent.requests, tokens: spent.promptTokens + spent.completionTokens }
    for (const name of ['requests', 'tokens'] as const)
      if (used[name] >= (budget[name] ?? Number.POSITIVE_INFINITY))
        throw failure(`limited: the budget of ${budget[name]} ${name} is spent. What was made before is good; raise the budget to go on.`, {
          fatal: true,
        })
  }
  return {
    spent: () => spent,
    complete: async (messages, options = {}) => {
      for (let attempt = 0; ; attempt++) {
        checkBudget()
        spent = { ...spent, requests: spent.requests + 1, retries: spent.retries + Math.min(1, attempt) }
        await wait(Math.max(reserve(), pausedUntil - Date.now()), options.signal)
        const onUsage = (usage: Usage): void => {
          const promptTokens = spent.promptTokens + usage.promptTokens
          spent = { ...spent, promptTokens, completionTokens: spent.completionTokens + usage.completionTokens }
          options.onUsage?.(usage)
        }
        try {
          return await within(timeoutMs, options.signal, (signal) => complete(messages, { ...options, signal, onUsage }))
        } catch (error) {
          options.signal?.throwIfAborted()
          const { retryable, retryAfterMs } = marksOf(error)
          if (!retryable || attempt >= maxRetries) throw error
          if (retryAfterMs !== undefined) pausedUntil = Math.max(pausedUntil, Date.now() + retryAfterMs)
          const backoff = Math.min(maxDelayMs, firstDelayMs * 2 ** attempt) * (0.5 + 0.5 * Math.random())
          await wait(retryAfterMs ?? backoff, options.signal)
        }
      }
    },
  }
}

/** The result of `call`, or a retryable failure after `timeoutMs`, when the call's signal aborts. */
async function within<T>(timeoutMs: number, outer: AbortSignal | undefined, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const abort = (): void => controller.abort(outer?.reason)
  outer?.addEventListener('abort', abort, { once: true })
  const late = failure(`limited: no reply within ${timeoutMs} ms. Raise timeoutMs, or ask for less at once (concurrency).`, {
    retryable: true,
  })
  const timer = setTimeout(() => controller.abort(late), timeoutMs)
  try {
    outer?.throwIfAborted()
    return await call(controller.signal)
  } catch (error) {
    throw controller.signal.reason === late ? late : error
  } finally {
    clearTimeout(timer)
    outer?.removeEventListener('abort', abort)
  }
}
