import { failure, marksOf } from '../failure.ts'
import type { Complete, CompleteOptions, Message, Usage } from '../types.ts'
import { pacer } from './pacer.ts'
import { type Budget, NOTHING_SPENT, overspent, type Price, paid, type Spent } from './spending.ts'
import { wait } from './wait.ts'
import { within } from './within.ts'

export interface LimitOptions {
  /** Tries are spread evenly, at most so many a minute; default: no limit. */
  readonly requestsPerMinute?: number
  /**
   * Tokens of prompts and replies, at most so many a minute, evenly spread; default: no limit. Before a try they are estimated (a token is four
   * characters of the messages, and a reply as long as those before it, or `maxTokens`), after it what it took more or less is made up for.
   */
  readonly tokensPerMinute?: number
  /** Further tries after a failure that is marked `retryable`; default 6. */
  readonly maxRetries?: number
  /** Pause before the first further try, doubled each time up to `maxDelayMs`, less up to half at random; default 500 and 60 000. */
  readonly firstDelayMs?: number
  readonly maxDelayMs?: number
  /** How long one try may take, its whole reply included; default 120 000. */
  readonly timeoutMs?: number
  /** Of a million tokens, in any currency; default 0. */
  readonly price?: Price
  /** Tries, tokens and money after which every call fails, which ends the run. */
  readonly budget?: Budget
}

export interface Limited {
  readonly complete: Complete
  readonly spent: () => Spent
}

/**
 * `complete` kept within what its endpoint and its user allow: paced, timed out, tried again with growing pauses, stopped at a budget. A pause that the
 * server asks for (`Retry-After`) holds for all calls. Tokens are known after a reply, so calls under way may pass the budget of tokens or money.
 * @throws RangeError at once for limits that cannot work; calls reject with the last failure, a fatal one when the budget is spent, or the reason
 * of their signal.
 */
export function limited(
  complete: Complete,
  {
    requestsPerMinute = Number.POSITIVE_INFINITY,
    tokensPerMinute = Number.POSITIVE_INFINITY,
    maxRetries = 6,
    firstDelayMs = 500,
    maxDelayMs = 60_000,
    timeoutMs = 120_000,
    price = { prompt: 0, completion: 0 },
    budget = {},
  }: LimitOptions = {},
): Limited {
  for (const [name, value] of Object.entries({ requestsPerMinute, tokensPerMinute, firstDelayMs, maxDelayMs, timeoutMs }))
    if (!(value > 0)) throw new RangeError(`limited: ${name} is ${value}; it must be > 0.`)
  for (const [name, value] of Object.entries(price))
    if (!(value >= 0)) throw new RangeError(`limited: price.${name} is ${value}; it must be ≥ 0.`)
  if (!Number.isSafeInteger(maxRetries) || maxRetries < 0)
    throw new RangeError(`limited: maxRetries is ${maxRetries}; it must be a whole number ≥ 0.`)
  if (budget.money !== undefined && price.prompt === 0 && price.completion === 0)
    throw new RangeError(
      `limited: budget.money is ${budget.money} and price says that nothing costs anything; name the prices of your endpoint.`,
    )
  const requests = pacer(requestsPerMinute)
  const tokens = pacer(tokensPerMinute)
  let spent = NOTHING_SPENT
  let pausedUntil = 0

  const estimate = (messages: readonly Message[], { maxTokens = 256 }: CompleteOptions): number => {
    const replies = spent.requests - spent.retries
    const reply = spent.completionTokens > 0 ? spent.completionTokens / replies : maxTokens
    return messages.reduce((sum, { content }) => sum + content.length / 4, reply)
  }
  const tryOnce = async (messages: readonly Message[], options: CompleteOptions, isRetry: boolean): Promise<string> => {
    const over = overspent(spent, budget)
    if (over !== undefined) throw failure(over, { fatal: true })
    const expected = estimate(messages, options)
    spent = { ...spent, requests: spent.requests + 1, retries: spent.retries + Number(isRetry) }
    await wait(Math.max(requests(1), tokens(expected), pausedUntil - Date.now()), options.signal)
    const onUsage = (usage: Usage): void => {
      tokens(usage.promptTokens + usage.completionTokens - expected)
      spent = paid(spent, usage, price)
      options.onUsage?.(usage)
    }
    return within(timeoutMs, options.signal, (signal) => complete(messages, { ...options, signal, onUsage }))
  }
  return {
    spent: () => spent,
    complete: async (messages, options = {}) => {
      for (let attempt = 0; ; attempt++) {
        try {
          return await tryOnce(messages, options, attempt > 0)
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
