import { type Complete, limited, selfInstruct } from 'selfinstruct'
import { openAICompatible } from 'selfinstruct/openai'
import { describe, expect, it } from 'vitest'
import { collectUntilError, json, says, withServer } from './support.ts'

const ask = [{ role: 'user', content: 'Say something.' }] as const
const quick = { firstDelayMs: 1, maxDelayMs: 4 }
const failing = (marks: object, times: number): { complete: Complete; calls: () => number } => {
  let calls = 0
  const complete: Complete = async () => {
    if (calls++ < times) throw Object.assign(new Error(`failure ${calls}`), marks)
    return 'well'
  }
  return { complete, calls: () => calls }
}

describe('limited', () => {
  it('asks again after retryable failures, as often as maxRetries says, and after no others', async () => {
    const good = failing({ retryable: true }, 3)
    const { complete, spent } = limited(good.complete, { ...quick, maxRetries: 3 })
    expect([await complete(ask), good.calls(), spent().requests, spent().retries]).toEqual(['well', 4, 4, 3])
    await expect(limited(failing({ retryable: true }, 3).complete, { ...quick, maxRetries: 2 }).complete(ask)).rejects.toThrow('failure 3')
    await expect(limited(failing({}, 1).complete, quick).complete(ask)).rejects.toThrow('failure 1')
  })

  it('a pause that the server asks for holds for other calls too', async () => {
    const began = Date.now()
    const { complete } = limited(failing({ retryable: true, retryAfterMs: 60 }, 1).complete, quick)
    const first = complete(ask)
    await new Promise((resolve) => setTimeout(resolve, 10))
    await complete(ask)
    expect(Date.now() - began).toBeGreaterThanOrEqual(59) // timers may fire a millisecond early
    expect(await first).toBe('well')
  })

  it('spreads requests evenly over the minute', async () => {
    const times: number[] = []
    const { complete } = limited(async () => `${times.push(performance.now())}`, { requestsPerMinute: 6000 })
    await Promise.all(Array.from({ length: 6 }, () => complete(ask)))
    expect(times.at(-1)! - times[0]!).toBeGreaterThanOrEqual(45) // five intervals of 10 ms, less the granularity of timers
  })

  it('spreads tokens, estimated before a try and counted after it', async () => {
    const times: number[] = []
    const perCall = 100 + 20 // 400 characters, and a reply of 20 tokens
    const limits = limited(
      async (_, options) => {
        times.push(performance.now())
        options?.onUsage?.({ promptTokens: 100, completionTokens: 20 })
        return 'well'
      },
      { tokensPerMinute: (60_000 / 20) * perCall }, // 20 ms a call
    )
    const messages = [{ role: 'user', content: 'x'.repeat(400) }] as const
    for (let i = 0; i < 5; i++) await limits.complete(messages, { maxTokens: 20 })
    expect(times.at(-1)! - times[0]!).toBeGreaterThanOrEqual(75) // four intervals of 20 ms, less the granularity of timers
    expect(times.at(-1)! - times[0]!).toBeLessThan(1000)
    const [first, second] = [performance.now(), limits.complete(messages, { maxTokens: 20 })]
    await second
    expect(performance.now() - first).toBeGreaterThan(5)
  })

  it('an estimate that was too high is given back', async () => {
    const limits = limited(
      async (_, options) => {
        options?.onUsage?.({ promptTokens: 1, completionTokens: 1 })
        return 'well'
      },
      { tokensPerMinute: 60 }, // a second a token
    )
    const began = performance.now()
    await limits.complete(ask, { maxTokens: 3600 }) // an hour, as estimated
    setTimeout(() => abort.abort(), 100)
    const abort = new AbortController()
    await expect(limits.complete(ask, { maxTokens: 1, signal: abort.signal })).rejects.toThrow('abort') // two seconds to wait
    expect(performance.now() - began).toBeLessThan(1500)
  })

  it('gives up a try that takes too long, aborts it, and tries again', async () => {
    const signals: AbortSignal[] = []
    const complete: Complete = (_, options) => {
      signals.push(options!.signal!)
      return new Promise((_, reject) => options!.signal!.addEventListener('abort', () => reject(options!.signal!.reason)))
    }
    await expect(limited(complete, { ...quick, timeoutMs: 5, maxRetries: 1 }).complete(ask)).rejects.toThrow(
      'limited: no reply within 5 ms. Raise timeoutMs',
    )
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
  })

  it('an abort ends a pause', async () => {
    const abort = new AbortController()
    const { complete } = limited(failing({ retryable: true, retryAfterMs: 60_000 }, 9).complete)
    setTimeout(() => abort.abort(new Error('enough')), 5)
    await expect(complete(ask, { signal: abort.signal })).rejects.toThrow('enough')
  })

  it.each([
    [{ requests: 2 }, 'limited: the budget of 2 requests is spent. What was made before is good; raise the budget to go on.'],
    [{ tokens: 30 }, 'limited: the budget of 30 tokens is spent.'],
    [{ money: 4e-5 }, 'limited: the budget of 0.00004 (money) is spent.'], // 2 · (10 + 2 · 5) / 1e6
  ])('a budget of %j ends the run after what it paid for', async (budget, message) => {
    const complete: Complete = async (_, options) => {
      options!.onUsage!({ promptTokens: 10, completionTokens: 5 })
      return `<question>q${Math.random()}</question><answer>a</answer>`
    }
    const documents = Array.from({ length: 5 }, (_, i) => ({ id: `${i}`, text: 'Text.' }))
    const limits = limited(complete, { budget, price: { prompt: 1, completion: 2 } })
    const { outcomes, error } = await collectUntilError(
      selfInstruct({ documents, complete: limits.complete, critique: false, minGroundedness: 0, concurrency: 1 }),
    )
    expect([outcomes.length, limits.spent().requests, limits.spent().promptTokens]).toEqual([2, 2, 20])
    expect(String(error)).toContain(message)
  })

  it.each([
    [{ timeoutMs: 0 }, 'limited: timeoutMs is 0; it must be > 0.'],
    [{ requestsPerMinute: -1 }, 'limited: requestsPerMinute is -1; it must be > 0.'],
    [{ tokensPerMinute: 0 }, 'limited: tokensPerMinute is 0; it must be > 0.'],
    [{ price: { prompt: -1, completion: 0 } }, 'limited: price.prompt is -1; it must be ≥ 0.'],
    [{ budget: { money: 5 } }, 'limited: budget.money is 5 and price says that nothing costs anything'],
    [{ maxRetries: 1.5 }, 'limited: maxRetries is 1.5; it must be a whole number ≥ 0.'],
  ])('refuses %j', (options, message) => expect(() => limited(async () => '', options)).toThrow(message))
})

describe('a key', () => {
  const apiKey = 'sk-marker-0123456789'
  const error = (message: string) => ({ error: { message } })
  it.each([
    ['401', json(401, error(`Incorrect API key provided: ${apiKey}`))],
    ['404', json(404, error(`${apiKey}?`))],
    ['429', json(429, error(`slow down, ${apiKey}`))],
    ['500', json(500, `key ${apiKey}`)],
    ['a web page', json(200, `<html>${apiKey}</html>`, { 'content-type': 'text/html' })],
    ['no choices', json(200, { got: apiKey })],
    ['broken JSON', json(200, `{"key": "${apiKey}`)],
  ])('that the server quotes is not in the error: %s', (_, handler) =>
    withServer([handler], async ({ baseURL }) => {
      const failure: Error = await openAICompatible({ baseURL, model: 'm', apiKey, maxRetries: 0 })(ask).then(expect.unreachable, (e) => e)
      const everything = `${failure.message} ${failure.stack} ${JSON.stringify(failure)} ${failure.cause}`
      expect(everything).toContain('openAICompatible')
      expect(everything).not.toContain('marker')
    }),
  )

  it('nor in a reply', () =>
    withServer([says(`Your key is ${apiKey}.`)], async ({ baseURL }) => {
      expect(await openAICompatible({ baseURL, model: 'm', apiKey })(ask)).toBe('Your key is [key].')
    }))
})
