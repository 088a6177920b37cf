import { execFile } from 'node:child_process'
import { request } from 'node:http'
import { promisify } from 'node:util'
import * as tf from '@tensorflow/tfjs-core'
import { complete, type TextModel } from 'llama-model/chat'
import { type Server, serve } from 'llama-model/node'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { makeQueue } from '../src/serve/queue.ts'
import { collect } from './support.ts'
import { makeTextModel } from './text-support.ts'

let model: TextModel
let server: Server
let client: OpenAI
beforeAll(async () => {
  model = makeTextModel()
  server = await serve(model, { modelName: 'tiny', apiKey: 'secret', maxBodyBytes: 10_000, maxLength: 200 })
  client = new OpenAI({ baseURL: server.url, apiKey: 'secret', maxRetries: 0 })
})
afterAll(async () => {
  await server.close()
  tf.dispose(model.params)
})

const greedy = { model: 'tiny', temperature: 0, max_tokens: 12 } as const
const textOf = async (prompt: string | readonly number[], maxNewTokens = 12) =>
  (await collect(complete(model, prompt, { maxNewTokens }))).map(({ text }) => text).join('')
const chatPrompt = (content: string) => model.tokenizer.encodeChat([{ role: 'user', content }])
const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer secret', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

describe('the openai client', () => {
  it('lists the model', async () => {
    expect((await collect(client.models.list())).map(({ id }) => id)).toEqual(['tiny'])
    expect((await client.models.retrieve('tiny')).object).toBe('model')
  })

  it('chats, whole and in pieces, with usage and log-probabilities', () =>
    expectNoLeaks(async () => {
      const messages = [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }] as const
      const expected = await textOf(chatPrompt('hi'))
      const asked = {
        ...greedy,
        messages: [...messages].map((own) => ({ ...own, content: [...own.content] })),
        logprobs: true,
        top_logprobs: 2,
      }
      const whole = await client.chat.completions.create(asked)
      expect(whole.choices[0]!.message).toEqual({ role: 'assistant', content: expected, refusal: null })
      expect(whole.choices[0]!.finish_reason).toBe('length')
      expect(whole.usage).toEqual({ prompt_tokens: 5, completion_tokens: 12, total_tokens: 17 })
      const tokens = whole.choices[0]!.logprobs!.content!
      expect(tokens.length).toBe(12)
      for (const { token, logprob, top_logprobs: top } of tokens) {
        expect(top.length).toBe(2)
        expect({ token, logprob }).toEqual({ token: top[0]!.token, logprob: top[0]!.logprob })
      }
      const chunks = await collect(
        await client.chat.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } }),
      )
      expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe(expected)
      expect(chunks[0]!.choices[0]!.delta).toEqual({ role: 'assistant', content: '' })
      expect(chunks.flatMap(({ choices }) => choices[0]?.finish_reason ?? [])).toEqual(['length'])
      expect(chunks.at(-1)!.usage).toEqual(whole.usage)
      expect(chunks.flatMap(({ choices }) => choices[0]?.logprobs?.content ?? [])).toEqual(tokens)
    }))

  it('completes texts and tokens, with stop texts, bias and a seed', () =>
    expectNoLeaks(async () => {
      const expected = await textOf('in the', 30)
      const whole = await client.completions.create({ ...greedy, prompt: 'in the', max_tokens: 30, logprobs: 1 })
      expect(whole.choices[0]!.text).toBe(expected)
      expect(whole.choices[0]!.logprobs!.tokens!.length).toBe(30)
      const stop = expected.slice(6, 8)
      const stopped = await client.completions.create({ ...greedy, prompt: model.tokenizer.encode('in the'), max_tokens: 30, stop })
      expect(stopped.choices[0]).toMatchObject({ text: expected.slice(0, expected.indexOf(stop)), finish_reason: 'stop', logprobs: null })
      const forced = await client.completions.create({ ...greedy, prompt: 'x', logit_bias: { 65: 100 } })
      expect(forced.choices[0]!.text).toBe('A'.repeat(12).replaceAll('A', model.tokenizer.decode([65])))
      const drawn = async (seed: number) => {
        const stream = await client.completions.create({ model: 'tiny', prompt: 'x', seed, stream: true })
        return (await collect(stream)).map(({ choices }) => choices[0]!.text).join('')
      }
      expect(await drawn(1)).toBe(await drawn(1))
      expect(await drawn(1)).not.toBe(await drawn(2))
    }))

  it('is told what is wrong', async () => {
    await expect(client.completions.create({ ...greedy, prompt: 'x', max_tokens: 500 })).rejects.toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
      message: expect.stringContaining('The prompt has 1 tokens and 500 may come; together they must be at most 200.'),
    })
    const stranger = new OpenAI({ baseURL: server.url, apiKey: 'guessed', maxRetries: 0 })
    await expect(stranger.models.list()).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' })
  })
})

it('curl chats, whole and in pieces', async () => {
  const curl = async (stream: boolean) => {
    const body = JSON.stringify({ ...greedy, messages: [{ role: 'user', content: 'hi' }], stream })
    const headers = ['-H', 'Authorization: Bearer secret', '-H', 'Content-Type: application/json']
    return (await promisify(execFile)('curl', ['-sS', '-N', `${server.url}/chat/completions`, ...headers, '-d', body])).stdout
  }
  const expected = await textOf(chatPrompt('hi'))
  expect(JSON.parse(await curl(false)).choices[0].message.content).toBe(expected)
  const events = (await curl(true)).split('\n\n').filter((event) => event !== '')
  expect(events.at(-1)).toBe('data: [DONE]')
  const pieces = events.slice(0, -1).map((event) => JSON.parse(event.replace(/^data: /, '')).choices[0].delta.content ?? '')
  expect(pieces.join('')).toBe(expected)
})

it('100 requests at once, half of which hang up: every answer is the one to its question, and nothing stays', { timeout: 180_000 }, () =>
  expectNoLeaks(async () => {
    const questions = Array.from({ length: 100 }, (_, i) => `question ${i}`)
    const expected = await Promise.all(questions.slice(0, 50).map((question) => textOf(chatPrompt(question), 5)))
    const ask = async (question: string, hangsUp: boolean) => {
      const messages = [{ role: 'user', content: question }] as const
      const stream = await client.chat.completions.create({
        ...greedy,
        max_tokens: hangsUp ? 100 : 5,
        messages: [...messages],
        stream: true,
      })
      let text = ''
      for await (const { choices } of stream) {
        text += choices[0]!.delta.content ?? ''
        if (hangsUp && text.length > 1) break
      }
      return text
    }
    const answers = await Promise.all(questions.map((question, i) => ask(question, i >= 50)))
    expect(answers.slice(0, 50)).toEqual(expected)
    // those that hung up are over when the next one is answered after all of them
    await Promise.all(Array.from({ length: 4 }, () => ask('the last', false)))
  }),
)

it('a client that hangs up while it waits is forgotten, and one that stays is not', () =>
  expectNoLeaks(async () => {
    const narrow = await serve(model, { modelName: 'tiny', active: 1, maxWaiting: 1 })
    const ask = (signal?: AbortSignal) =>
      fetch(`${narrow.url}/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...greedy, max_tokens: 100, prompt: 'x', logit_bias: { 65: 100 } }),
        ...(signal && { signal }),
      })
    const first = ask()
    await new Promise((resolve) => setTimeout(resolve, 50))
    const controller = new AbortController()
    const second = ask(controller.signal)
    await new Promise((resolve) => setTimeout(resolve, 20))
    const third = await ask()
    expect(third.status).toBe(503)
    expect(await third.json()).toMatchObject({
      error: { message: 'More than 1 requests are waiting; try again later.', code: 'overloaded' },
    })
    controller.abort()
    await expect(second).rejects.toThrow('abort')
    expect((await first).status).toBe(200)
    expect((await ask()).status).toBe(200)
    const last = ask() // under way when the server closes
    await new Promise((resolve) => setTimeout(resolve, 20))
    await Promise.all([narrow.close(), expect(last).rejects.toThrow()])
  }))

it('takes turns in the order of arrival', async () => {
  const queue = makeQueue({ active: 2, maxWaiting: 9 }, () => new Error('full'))
  const log: string[] = []
  const { signal } = new AbortController()
  const run = (name: string) =>
    queue.run(signal, async (turn) => {
      for (let i = 0; i < 2; i++) await turn(async () => void log.push(name))
    })
  await Promise.all(['a', 'b', 'c'].map(run))
  expect(log).toEqual(['a', 'b', 'a', 'b', 'c', 'c'])
})

const message = [{ role: 'user', content: 'hi' }]
it.each<[string, string, unknown, number, string]>([
  ['no JSON', '/completions', '{', 400, 'The body is no JSON object.'],
  ['a list', '/completions', [], 400, 'The body is no JSON object.'],
  ['no model', '/completions', { prompt: 'x' }, 400, "model is missing; it must be 'tiny'."],
  ['another model', '/completions', { model: 'gpt-4', prompt: 'x' }, 404, "The model 'gpt-4' does not exist here; take 'tiny'."],
  ['no messages', '/chat/completions', greedy, 400, 'messages is missing; it must be a list of at least one message.'],
  ['empty messages', '/chat/completions', { ...greedy, messages: [] }, 400, 'messages is []; it must be a list of at least one message.'],
  ['a message that is none', '/chat/completions', { ...greedy, messages: [null] }, 400, 'messages[0].role is undefined; it must be system'],
  [
    'a picture',
    '/chat/completions',
    { ...greedy, messages: [{ role: 'user', content: [{ type: 'image_url' }] }] },
    400,
    'messages[0].content',
  ],
  [
    'tools',
    '/chat/completions',
    { ...greedy, messages: message, tools: [{}] },
    400,
    'tools is [{}], which this server does not do; leave it out.',
  ],
  ['two answers', '/chat/completions', { ...greedy, messages: message, n: 2 }, 400, 'n is 2, which this server does not do'],
  ['an empty prompt', '/completions', { ...greedy, prompt: '' }, 400, 'prompt is ""; it must be a text that is not empty'],
  ['a token beyond the vocabulary', '/completions', { ...greedy, prompt: [999] }, 400, 'prompt is [999]; it must be'],
  ['temperature 3', '/completions', { ...greedy, prompt: 'x', temperature: 3 }, 400, 'temperature is 3; it must be a number from 0 to 2.'],
  ['half a token', '/completions', { ...greedy, prompt: 'x', max_tokens: 0.5 }, 400, 'max_tokens is 0.5; it must be a whole number.'],
  ['top_p "a"', '/completions', { ...greedy, prompt: 'x', top_p: 'a' }, 400, 'top_p is "a"; it must be a number from 0 to 1.'],
  ['an empty stop text', '/completions', { ...greedy, prompt: 'x', stop: '' }, 400, 'stop is ""; it must be a text'],
  [
    'a bias of words',
    '/completions',
    { ...greedy, prompt: 'x', logit_bias: { the: 1 } },
    400,
    'logit_bias is {"the":1}; it must map tokens',
  ],
  ['stream "yes"', '/completions', { ...greedy, prompt: 'x', stream: 'yes' }, 400, 'stream is "yes"; it must be true or false.'],
  [
    'top_logprobs alone',
    '/chat/completions',
    { ...greedy, messages: message, top_logprobs: 2 },
    400,
    'top_logprobs is 2; it must come with',
  ],
  ['a body too long', '/completions', { ...greedy, prompt: 'x'.repeat(20_000) }, 413, 'The body has more than 10000 bytes.'],
  ['another path', '/embeddings', {}, 404, 'There is nothing at /v1/embeddings; ask /v1/chat/completions'],
  ['a list of models by POST', '/models', {}, 405, '/v1/models is asked by GET, not POST.'],
])('%s is refused with a message', async (_, path, body, status, text) => {
  const answer = await post(path, body)
  const { error } = (await answer.json()) as { error: { message: string; type: string } }
  expect(error.message).toContain(text)
  expect([answer.status, error.type]).toEqual([status, 'invalid_request_error'])
})

it('refuses what no client for JSON sends, and survives half a request', async () => {
  expect((await post('/completions', 'x', { 'content-type': 'text/plain' })).status).toBe(415)
  await new Promise((resolve) => {
    const half = request(`${server.url}/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': '100', authorization: 'Bearer secret' },
    })
    half.on('error', resolve).write('{')
    setTimeout(() => half.destroy(new Error('gone')), 20)
  })
  expect((await fetch(server.url.replace('/v1', '/health'))).status).toBe(200)
})
