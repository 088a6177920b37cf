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
    try {
      for (const token of [...Array.from(request.tokens).slice(-5), 0].slice(0, request.maxNewTokens)) {
        await new Promise((resolve) => setTimeout(resolve, 1))
        yield { token }
      }
    } finally {
      running--
    }
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

  describe('with a schema', () => {
    const schema = (of: Record<string, unknown>) => ({ name: 'reply', schema: of })
    const object = (properties: Record<string, unknown>) => schema({ type: 'object', properties })
    const text = { type: 'string' }

    /** Writes what `says` has for the longest of its keys that the reply so far ends with; of tokens with a bias, takes the last by code. */
    function writer(says: Record<string, string>, obeysBias = true) {
      const prompts: string[] = []
      async function* write({ tokens, maxNewTokens, logitBias }: TokenRequest): AsyncGenerator<{ token: number }> {
        const prompt = String.fromCharCode(...Array.from(tokens))
        prompts.push(prompt)
        if (logitBias && obeysBias) return yield { token: Math.max(...Object.keys(logitBias).map(Number)) }
        const begun = Object.keys(says).find((key) => prompt.endsWith(`"${key}": "`)) ?? ''
        for (const token of [...codes(says[begun] ?? ''), 0].slice(0, maxNewTokens)) yield { token }
      }
      const reply = inProcess({
        generate: write,
        encode: () => codes('ask:'),
        encodeText: codes,
        decode: (tokens) => String.fromCharCode(...tokens),
        stopTokens: [0],
        contextLength: 200,
      })
      return { reply, prompts }
    }

    it('the model writes the strings alone, each after what stands before it', async () => {
      const { reply, prompts } = writer({ question: 'Who said \\"no\\"?", and more', answer: ' the mate\nQuestion: ' })
      const used: unknown[] = []
      const onUsage = (usage: unknown) => used.push(usage)
      const made = await reply(ask, { schema: object({ question: text, answer: text }), onUsage })
      expect(JSON.parse(made)).toEqual({ question: 'Who said "no"?', answer: 'the mate' })
      expect(prompts).toEqual(['ask:{"question": "', 'ask:{"question": "Who said \\"no\\"?", "answer": "'])
      expect(used).toEqual([{ promptTokens: 4, completionTokens: 17 + 10 }]) // the quote and the end of the line are read
    })

    it('a string ends with the turn; what is no escape stands as it is', async () => {
      const { reply } = writer({ answer: 'a \\whale' })
      expect(await reply(ask, { schema: object({ answer: text }) })).toBe('{"answer": "a \\\\whale"}')
    })

    it('takes the likeliest of an enum, also where one option begins like another', async () => {
      const { reply, prompts } = writer({ reason: 'so."' })
      const verdict = { enum: ['no', 'yes', 'yesterday'] }
      const made = await reply(ask, { schema: object({ reason: text, verdict }) })
      expect(JSON.parse(made)).toEqual({ reason: 'so.', verdict: 'yesterday' }) // y before n, t before the closing quote
      expect(prompts.slice(1).map((prompt) => prompt.slice(-5))).toEqual(['t": "', ' "yes']) // what is certain is not asked
    })

    it('ends a string at its share of the tokens, but for the last, at which the reply breaks off', async () => {
      const { reply } = writer({ question: 'round and round and round', answer: 'and round' })
      const pair = object({ question: text, answer: text })
      expect(await reply(ask, { schema: pair, maxTokens: 20 })).toBe('{"question": "round and", "answer": "and round"}')
      expect(await reply(ask, { schema: pair, maxTokens: 10 })).toBe('{"question": "round", "answer": "and r')
      const judged = object({ reason: text, verdict: { enum: ['yes', 'no'] } })
      expect(await reply(ask, { schema: judged, maxTokens: 3 })).toBe('{"reason": "", "verdict": "yes"}')
    })

    it('fills lists to their largest size', async () => {
      const { reply } = writer({ question: 'Q"' })
      const items = { type: 'object', properties: { question: text } }
      const made = await reply(ask, { schema: object({ pairs: { type: 'array', items, minItems: 1, maxItems: 2 } }) })
      expect(JSON.parse(made)).toEqual({ pairs: [{ question: 'Q' }, { question: 'Q' }] })
    })

    it('names what it cannot fill in, and a generator that does not heed logitBias', async () => {
      const { reply } = writer({})
      await expect(reply(ask, { schema: object({ count: { type: 'integer' } }) })).rejects.toThrow(
        'inProcess: the schema holds {"type":"integer"}; objects, arrays, strings and enums of strings can be filled in.',
      )
      await expect(writer({}, false).reply(ask, { schema: schema({ enum: ['yes', 'no'] }) })).rejects.toThrow('it must add logitBias')
    })

    it('is left to the prompt without encodeText', async () => {
      expect(await complete(ask, { schema: object({ count: { type: 'integer' } }) })).toBe('hing.')
    })
  })
})
