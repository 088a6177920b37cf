import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { type AiSdkModel, aiSdk, inProcess, type TokenRequest } from 'selfinstruct'
import { describe, expect, it } from 'vitest'
import { json, says, withServer } from './support.ts'

const ask = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Say something.' },
] as const
const apiKey = 'sk-marker-0123456789'
const modelAt = (baseURL: string) =>
  aiSdk(createOpenAICompatible({ name: 'local', baseURL, apiKey, supportsStructuredOutputs: true })('llama'))

describe('aiSdk', () => {
  it('asks a model of a real provider, and counts its tokens', () =>
    withServer([says('well', { finish_reason: 'stop' })], async ({ baseURL, requests }) => {
      const used: unknown[] = []
      const schema = { name: 'pair', schema: { type: 'object', properties: {} } }
      const options = { temperature: 0, maxTokens: 9, seed: 7, schema, onUsage: (usage: unknown) => used.push(usage) }
      expect(await modelAt(baseURL)(ask, options)).toBe('well')
      expect(requests).toMatchObject([
        { model: 'llama', messages: ask, temperature: 0, max_tokens: 9, seed: 7, response_format: { json_schema: { name: 'pair' } } },
      ])
      expect(used).toEqual([{ promptTokens: 0, completionTokens: 0 }])
      await modelAt(baseURL)(ask)
      expect(Object.keys(requests[1]!).sort()).toEqual(['messages', 'model'])
    }))

  it.each([
    [
      json(429, { error: { message: 'slow down' } }, { 'retry-after': '2' }),
      { retryable: true, fatal: false, retryAfterMs: 2000 },
      'status 429: slow down',
    ],
    [json(503, { error: { message: 'loading' } }), { retryable: true, fatal: false }, 'status 503: loading'],
    [json(401, { error: { message: `no such key: ${apiKey}` } }), { retryable: false, fatal: true }, 'status 401: no such key: [key]'],
    [json(404, { error: { message: 'no such model' } }), { fatal: true }, "aiSdk: local.chat (model 'llama'): status 404: no such model"],
    [
      says(null, { finish_reason: 'content_filter' }),
      { refused: true, retryable: false },
      "answered with no text (finish reason 'content-filter')",
    ],
    [json(200, '<html>'), {}, 'aiSdk: local.chat'],
  ])('failures say what they are, and hold no key (%#)', (handler, marks, message) =>
    withServer([handler], async ({ baseURL }) => {
      const error: Error = await modelAt(baseURL)(ask).then(expect.unreachable, (failure) => failure)
      expect(error).toMatchObject({ ...marks, message: expect.stringContaining(message) })
      expect(`${error.stack} ${JSON.stringify(error)} ${error.cause}`).not.toContain('marker')
    }),
  )

  it('an abort is its reason, no server is worth another try', async () => {
    const abort = new AbortController()
    abort.abort(new Error('enough'))
    await expect(modelAt('http://127.0.0.1:9/v1')(ask, { signal: abort.signal })).rejects.toThrow('enough')
    await expect(modelAt('http://127.0.0.1:9/v1')(ask)).rejects.toMatchObject({ retryable: true })
  })

  it('understands version 2 of the interface', async () => {
    const model: AiSdkModel = {
      provider: 'p',
      modelId: 'm',
      doGenerate: async () => ({
        content: [{ type: 'reasoning' }, { type: 'text', text: 'well' }],
        finishReason: 'stop',
        usage: { inputTokens: 3, outputTokens: undefined },
      }),
    }
    const used: unknown[] = []
    expect(await aiSdk(model)(ask, { onUsage: (usage) => used.push(usage) })).toBe('well')
    expect(used).toEqual([{ promptTokens: 3, completionTokens: 0 }])
    expect(() => aiSdk('openai/gpt' as unknown as AiSdkModel)).toThrow('aiSdk: the model is "openai/gpt"; pass what a provider')
  })
})

describe('inProcess', () => {
  /** A model of characters that answers with the prompt's last letters, in capitals, and a stop token. */
  const asked: TokenRequest[] = []
  const codes = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0))
  let running = 0
  async function* generate(request: TokenRequest) {
    asked.push(request)
    expect(++running).toBe(1)
    for (const token of [...Array.from(request.tokens).slice(-5), 0].slice(0, request.maxNewTokens)) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      yield { token }
    }
    running--
  }
  const complete = inProcess({
    generate,
    encode: (messages) => codes(messages.map(({ content }) => content).join('\n')),
    decode: (tokens) => String.fromCharCode(...tokens),
    stopTokens: [0],
    contextLength: 40,
  })

  it('gives the tokens up to a stop token, one call at a time', async () => {
    const used: unknown[] = []
    const onUsage = (usage: unknown) => used.push(usage)
    const both = [complete(ask, { seed: 3, temperature: 1, onUsage }), complete([{ role: 'user', content: 'other' }], { maxTokens: 2 })]
    expect(await Promise.all(both)).toEqual(['hing.', 'ot'])
    expect(asked[0]).toMatchObject({ maxNewTokens: 16, seed: 3, temperature: 1, stopTokens: [0] })
    expect(used).toEqual([{ promptTokens: 24, completionTokens: 6 }])
  })

  it('refuses a prompt that leaves no room, and goes on with the next', async () => {
    await expect(complete([{ role: 'user', content: 'x'.repeat(40) }])).rejects.toThrow(
      "inProcess: the prompt has 40 tokens, the model's context 40; there is no room for a reply. Lower chunkCharacters.",
    )
    expect(await complete([{ role: 'user', content: 'again' }])).toBe('again')
  })

  it('an abort while others are waiting is its reason', async () => {
    const abort = new AbortController()
    const [first, second] = [complete(ask), complete(ask, { signal: abort.signal })]
    abort.abort(new Error('enough'))
    expect(await first).toBe('hing.')
    await expect(second).rejects.toThrow('enough')
  })
})
