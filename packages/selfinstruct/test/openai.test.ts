import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { type Pair, selfInstruct } from 'selfinstruct'
import { openAICompatible } from 'selfinstruct/openai'
import { describe, expect, it } from 'vitest'
import { collect, collectUntilError, json, reply, says, withServer } from './support.ts'

const ask = [{ role: 'user', content: 'Say something.' }] as const
const error = (message: string) => ({ error: { message, type: 'some_error', code: null } })

/** A port that was free a moment ago, so that nothing listens there. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe('openAICompatible against a server', () => {
  it('sends messages, model, key and options, and nothing that was not asked for', () =>
    withServer(
      [
        ({ body, headers, url }, response) =>
          says(JSON.stringify({ body, url, key: headers.authorization }))({ body, headers, url }, response),
      ],
      async ({ baseURL }) => {
        const bare = JSON.parse(await openAICompatible({ baseURL, model: 'llama' })(ask))
        expect(bare).toEqual({ url: '/v1/chat/completions', key: 'Bearer none', body: { model: 'llama', messages: ask } })
        const complete = openAICompatible({ baseURL: `${baseURL}/`, model: 'llama', apiKey: 'k', temperature: 0.7, maxTokens: 50 })
        const own = JSON.parse(await complete(ask))
        expect(own).toEqual({ url: '/v1/chat/completions', key: 'Bearer k', body: { ...bare.body, temperature: 0.7, max_tokens: 50 } })
        const named = JSON.parse(await complete(ask, { temperature: 0, maxTokens: 9, seed: 3 }))
        expect(named.body).toEqual({ ...bare.body, temperature: 0, max_tokens: 9, seed: 3 })
      },
    ))

  it.each([
    ['500', json(500, error('the model crashed'))],
    ['429', json(429, error('slow down'))],
    ['a connection that breaks', (_: unknown, response: { destroy(): void }) => response.destroy()],
  ])('tries again after %s', (_, bad) =>
    withServer([bad, says('well')], async ({ baseURL, requests }) => {
      expect(await openAICompatible({ baseURL, model: 'llama' })(ask)).toBe('well')
      expect(requests).toHaveLength(2)
    }),
  )

  it.each([
    [
      '400',
      json(400, error('maximum context length is 4096 tokens')),
      1,
      'status 400 maximum context length is 4096 tokens. The server refuses this request. If it is too long for the model, lower chunkCharacters or maxTokens.',
    ],
    ['401', json(401, error('bad key')), 1, 'status 401 bad key. Pass an apiKey that this server accepts for this model.'],
    [
      '404',
      json(404, error('no model llama')),
      1,
      'status 404 no model llama. Either the server does not have this model (BASE/models lists those it has), or baseURL is not where its API starts (usually …/v1).',
    ],
    ['404 without JSON', json(404, 'not here', { 'content-type': 'text/plain' }), 1, 'status 404 not here. Either'],
    [
      '429 for ever',
      json(429, error('slow down')),
      3,
      'status 429 slow down. The server limits requests and did so 3 times. Lower concurrency, raise maxRetries, or check your quota.',
    ],
    [
      '503 for ever',
      json(503, error('loading')),
      3,
      'status 503 loading. The server failed 3 times. Look at its log; it may be out of memory or still loading the model.',
    ],
    ['418', json(418, error('teapot')), 1, 'status 418 teapot. See the documentation'],
    [
      'broken JSON',
      json(200, '{"choices": [{"mess'),
      1,
      /sent a reply that cannot be read: .*JSON.*\. Look at the server's log; the reply may have been cut off\./,
    ],
    [
      'no choices',
      json(200, { object: 'chat.completion' }),
      1,
      'answered without choices: {"object":"chat.completion"} Is this the chat API of an OpenAI-compatible server? Its base URL usually ends in /v1.',
    ],
    ['empty choices', json(200, { choices: [] }), 1, 'answered without choices: {"choices":[]}'],
    ['choices that are no list', json(200, { choices: 'yes' }), 1, 'answered without choices: {"choices":"yes"}'],
    [
      'a web page',
      json(200, '<html>hello</html>', { 'content-type': 'text/html' }),
      1,
      'answered without choices: <html>hello</html> Is this',
    ],
    ['no body', json(200, '', { 'content-length': '0' }), 1, 'answered without choices: an empty body'],
    ['null', json(200, 'null'), 1, 'answered without choices: null'],
    ['empty content', says('  \n'), 1, "answered with no text (finish_reason 'stop'): "],
    [
      'no content',
      says(null, { finish_reason: 'length' }),
      1,
      "answered with no text (finish_reason 'length'): it reached the largest number of tokens before it said anything; raise maxTokens.",
    ],
  ])('explains %s', (_, handler, tries, message) =>
    withServer([handler], async ({ baseURL, requests }) => {
      const failure: Error = await openAICompatible({ baseURL, model: 'llama' })(ask).then(expect.unreachable, (reason) => reason)
      const [, said] = failure.message.split(`openAICompatible: ${baseURL} (model 'llama')`)
      if (typeof message === 'string') expect(said).toContain(message.replace('BASE', baseURL))
      else expect(said).toMatch(message)
      expect(requests).toHaveLength(tries)
    }),
  )

  it('explains a body that breaks off', () =>
    withServer(
      [
        (_, response) => {
          response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' })
          response.write('{"choices"', () => response.destroy())
        },
      ],
      async ({ baseURL }) => {
        await expect(openAICompatible({ baseURL, model: 'llama' })(ask)).rejects.toThrow(
          `openAICompatible: ${baseURL} (model 'llama') sent a reply that cannot be read: terminated. Look at the server's log; the reply may have been cut off.`,
        )
      },
    ))

  it('explains a refused connection', async () => {
    const baseURL = `http://127.0.0.1:${await freePort()}/v1`
    await expect(openAICompatible({ baseURL, model: 'llama', maxRetries: 0 })(ask)).rejects.toThrow(
      `openAICompatible: ${baseURL} (model 'llama') could not be reached in 1 try: connection refused. Start the server, or correct host and port in baseURL.`,
    )
  })

  it('explains an unknown host', async () => {
    const baseURL = 'http://no-such-host.invalid/v1'
    await expect(openAICompatible({ baseURL, model: 'llama', maxRetries: 0 })(ask)).rejects.toThrow(
      'the host name is unknown. Correct baseURL',
    )
  })

  it('gives up on a server that does not answer', () =>
    withServer([() => {}], async ({ baseURL }) => {
      await expect(openAICompatible({ baseURL, model: 'llama', timeoutMs: 20, maxRetries: 0 })(ask)).rejects.toThrow(
        `(model 'llama') did not answer within 20 ms in 1 try. Raise timeoutMs, ask for less at once (concurrency), or use a smaller model.`,
      )
    }))

  it('ends with the reason of an abort, before and during a call', () => {
    const abort = new AbortController()
    return withServer([() => abort.abort(new Error('enough'))], async ({ baseURL, requests }) => {
      const complete = openAICompatible({ baseURL, model: 'llama' })
      await expect(complete(ask, { signal: abort.signal })).rejects.toThrow('enough')
      await expect(complete(ask, { signal: abort.signal })).rejects.toThrow('enough')
      expect(requests).toHaveLength(1)
    })
  })
})

it.each([
  [{ baseURL: 'localhost:8000' }, "baseURL is 'localhost:8000'; it must be a URL of http or https, such as http://localhost:8000/v1."],
  [{ baseURL: '' }, "baseURL is ''; it must be a URL"],
  [{ model: '' }, "model is ''; name one that http://127.0.0.1:1/v1/models lists."],
  [{ timeoutMs: 0 }, 'timeoutMs is 0; it must be > 0.'],
  [{ maxRetries: 1.5 }, 'maxRetries is 1.5; it must be a whole number ≥ 0.'],
])('refuses %j', (options, message) => {
  expect(() => openAICompatible({ baseURL: 'http://127.0.0.1:1/v1', model: 'llama', ...options })).toThrow(`openAICompatible: ${message}`)
})

describe('selfInstruct with a server', () => {
  const documents = [1, 2, 3, 4].map((i) => ({ id: `d${i}`, text: `Document ${i} tells of ${'many things '.repeat(20)}.` }))

  it('makes pairs, and goes on after one failure', () =>
    withServer(
      [
        says(reply('Alpha beta gamma?', 'delta')),
        says('<verdict>yes</verdict>'),
        json(400, error('no')),
        says(reply('Epsilon zeta?', 'eta')),
        says('<verdict>no</verdict>'),
      ],
      async ({ baseURL, requests }) => {
        const complete = openAICompatible({ baseURL, model: 'llama' })
        const outcomes = await collect(selfInstruct({ documents: documents.slice(0, 3), complete, minGroundedness: 0, concurrency: 1 }))
        expect(outcomes.map((outcome) => (outcome.kind === 'pair' ? outcome.answer : outcome.reason))).toEqual([
          'delta',
          'endpoint-error',
          'critique-rejected',
        ])
        expect(requests.map(({ temperature }) => temperature)).toEqual([undefined, 0, undefined, undefined, 0])
      },
    ))

  it('keeps what was made when the server dies', () =>
    withServer(
      [says(reply('Alpha beta gamma?', 'delta')), says('<verdict>yes</verdict>'), (_, response) => response.destroy()],
      async ({ baseURL }) => {
        const complete = openAICompatible({ baseURL, model: 'llama', maxRetries: 0 })
        const run = await collectUntilError(
          selfInstruct({ documents, complete, minGroundedness: 0, concurrency: 1, maxConsecutiveErrors: 2 }),
        )
        expect(run.outcomes.map(({ kind }) => kind)).toEqual(['pair', 'rejection', 'rejection'])
        expect((run.outcomes[0] as Pair).answer).toBe('delta')
        expect(String(run.error)).toBe(
          `Error: selfInstruct: 2 calls of complete failed in a row, the last for document 'd3': openAICompatible: ${baseURL} (model 'llama') could not be reached ` +
            'in 1 try: the server closed the connection. Look at its log; it may have run out of memory. What was yielded before is good. ' +
            'Put the endpoint right, then go on with the documents that are left; or raise maxConsecutiveErrors.',
        )
      },
    ))
})

describe('structured output', () => {
  const schema = { name: 'pair', schema: { type: 'object' } }
  it('is asked for where a call names a schema, and only there', () =>
    withServer([says('{}')], async ({ baseURL, requests }) => {
      const complete = openAICompatible({ baseURL, model: 'llama' })
      await complete(ask, { schema })
      await complete(ask)
      expect(requests.map(({ response_format }) => response_format)).toEqual([
        { type: 'json_schema', json_schema: { ...schema, strict: true } },
        undefined,
      ])
    }))

  it('is given up for good by a server that refuses it', () =>
    withServer([json(400, error('response_format is not supported')), says('{}')], async ({ baseURL, requests }) => {
      const complete = openAICompatible({ baseURL, model: 'llama' })
      expect([await complete(ask, { schema }), await complete(ask, { schema })]).toEqual(['{}', '{}'])
      expect(requests.map((request) => 'response_format' in request)).toEqual([true, false, false])
    }))

  it('is not what is wrong with a request that is refused without it, too', () =>
    withServer([json(400, error('too long')), json(400, error('too long')), says('{}')], async ({ baseURL, requests }) => {
      const complete = openAICompatible({ baseURL, model: 'llama' })
      await expect(complete(ask, { schema })).rejects.toThrow('lower chunkCharacters')
      await complete(ask, { schema })
      expect(requests.map((request) => 'response_format' in request)).toEqual([true, false, true])
    }))
})

it('a refusal, or a content filter, is marked as one and not asked again', () =>
  withServer(
    [
      json(200, { choices: [{ message: { content: null, refusal: 'I will not.' }, finish_reason: 'stop' }] }),
      json(200, { choices: [{ message: { content: '' }, finish_reason: 'content_filter' }] }),
    ],
    async ({ baseURL }) => {
      const complete = openAICompatible({ baseURL, model: 'llama' })
      await expect(complete(ask)).rejects.toMatchObject({
        refused: true,
        retryable: false,
        message: expect.stringContaining('I will not.'),
      })
      await expect(complete(ask)).rejects.toMatchObject({ refused: true, message: expect.stringContaining('its content filter') })
    },
  ))
