import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { conversation, describeProgress, limited, messagesLine, type Outcome, progress, selfInstruct } from 'selfinstruct'
import { openJournal } from 'selfinstruct/node'
import { openAICompatible } from 'selfinstruct/openai'
import { describe, expect, it } from 'vitest'
import { collect, collectUntilError, json, reply, says, withServer } from './support.ts'

const folder = () => mkdtempSync(join(tmpdir(), 'bad-input-'))
const text = 'The board was convened near Paris on October 4, 1888. Its members were sworn to secrecy.'
const documents = Array.from({ length: 8 }, (_, i) => ({ id: `d${i}`, text: `${text} ${i}` }))
const good = says(reply('When was the board convened?', 'October 4, 1888'))
const oneLine = (message: unknown): string => {
  expect(String(message).trim().split('\n')).toHaveLength(1)
  return String(message)
}

it('a full disk ends the run with one line; what was made is safe, and the next run asks for the rest only', async () => {
  const path = join(folder(), 'journal.jsonl')
  const client = fileURLToPath(new URL('faults/full-disk-client.ts', import.meta.url))
  const run = async (limit: string) => {
    // the limit of a file's size fails a write as a full disk does; the signal that comes with it would kill the process
    const command = `trap '' XFSZ; ulimit -f ${limit}; exec "$0" --import tsx --conditions=@repo/source "$@"`
    const { stdout } = await promisify(execFile)('bash', ['-c', command, process.execPath, client, path])
    return stdout.trim().split('\n')
  }
  const first = await run('2') // 2 KiB
  const made = first.filter((line) => line.startsWith('pair')).length
  expect(made).toBeGreaterThan(5)
  expect(made).toBeLessThan(40)
  expect(oneLine(first.at(-2))).toMatch(
    new RegExp(
      `^Error: openJournal: '${path}' cannot be written \\(EFBIG.*\\)\\. Its ${made} replies are safe; make room, then resume\\.$`,
    ),
  )
  const second = await run('unlimited')
  expect(second.filter((line) => line.startsWith('pair'))).toHaveLength(40)
  expect(second.at(-1)).toBe(`asked ${40 - made}`)
}, 120_000)

describe('a run of the whole pipeline', () => {
  it('goes on over empty documents and documents shorter than a chunk', async () => {
    const complete = async () => reply('When was the board convened?', 'October 4, 1888')
    const mixed = [
      { id: 'empty', text: '' },
      { id: 'blank', text: '\n \t' },
      { id: 'short', text },
    ]
    const outcomes = await collect(selfInstruct({ documents: mixed, complete, critique: false, kinds: ['normal'], chunkCharacters: 4000 }))
    expect(outcomes).toMatchObject([
      { reason: 'no-text', chunks: [] },
      { reason: 'no-text', chunks: [] },
      { kind: 'pair', chunks: [{ start: 0, end: text.length }] },
    ])
  })

  it.each([
    ['an unknown model', json(404, { error: { message: 'no model m' } }), 'lists those it has'],
    ['a URL that is no API', json(404, '<html>Not here</html>', { 'content-type': 'text/html' }), 'baseURL is not where its API starts'],
    ['a wrong key', json(401, { error: { message: 'bad key' } }), 'Pass an apiKey that this server accepts'],
  ])('ends at once for %s, in one line', (_, handler, remedy) =>
    withServer([good, says('<verdict>yes</verdict>'), handler], async ({ baseURL, requests }) => {
      const complete = openAICompatible({ baseURL, model: 'm' })
      const { outcomes, error } = await collectUntilError(selfInstruct({ documents, complete, concurrency: 1 }))
      expect([outcomes.length, requests.length]).toEqual([1, 3])
      expect(oneLine(error)).toContain(remedy)
    }),
  )

  it('names a prompt that is too long for the model as such, in one line', () =>
    withServer([json(400, { error: { message: 'maximum context length is 512 tokens' } })], async ({ baseURL }) => {
      const complete = openAICompatible({ baseURL, model: 'm' })
      const { outcomes, error } = await collectUntilError(selfInstruct({ documents, complete, maxConsecutiveErrors: 2 }))
      expect(outcomes.map((outcome) => outcome.kind === 'rejection' && outcome.reason)).toEqual(['endpoint-error', 'endpoint-error'])
      expect(oneLine(error)).toContain('maximum context length is 512 tokens. The server refuses this request. If it is too long')
    }))
})

describe('a key', () => {
  const apiKey = 'sk-marker-0123456789'
  const error = (message: string) => ({ error: { message } })
  it.each([
    ['a good run in which the model repeats it', says(reply(`When, ${apiKey}?`, `October 4, 1888 ${apiKey}`))],
    ['a reply that cannot be parsed', says(`${apiKey}?`)],
    ['a refusal', json(200, { choices: [{ message: { content: null, refusal: `not with ${apiKey}` } }] })],
    ['400', json(400, error(apiKey))],
    ['401', json(401, error(`Incorrect API key provided: ${apiKey}`))],
    ['403', json(403, error(apiKey))],
    ['404', json(404, error(apiKey))],
    ['429', json(429, error(apiKey), { 'retry-after': '0.001' })],
    ['500', json(500, `key ${apiKey}`)],
    ['a web page', json(200, `<html>${apiKey}</html>`, { 'content-type': 'text/html' })],
    ['no choices', json(200, { got: apiKey })],
    ['broken JSON', json(200, `{"key": "${apiKey}`)],
    [
      'half a reply',
      (_request: unknown, response: import('node:http').ServerResponse) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '999' })
        response.write(`{"key": "${apiKey}"`, () => response.destroy())
      },
    ],
  ])('is nowhere after %s: no error, outcome, journal, line of progress or training data', (_, handler) =>
    withServer([handler], async ({ baseURL, requests }) => {
      const path = join(folder(), 'journal.jsonl')
      const journal = await openJournal(path, { run: { baseURL } })
      const limits = limited(openAICompatible({ baseURL, model: 'm', apiKey, maxRetries: 0 }), {
        maxRetries: 1,
        firstDelayMs: 1,
        maxDelayMs: 2,
      })
      const observe = progress({ total: 8, spent: limits.spent })
      const outcomes: Outcome[] = []
      const seen: string[] = []
      const complete = journal.remember(limits.complete)
      const options = { documents, complete, critique: false, minGroundedness: 0, maxConsecutiveErrors: 2, concurrency: 1 }
      try {
        for await (const outcome of selfInstruct(options)) {
          outcomes.push(outcome)
          seen.push(describeProgress(observe(outcome)))
          if (outcome.kind === 'pair') seen.push(messagesLine(conversation(outcome, text)))
        }
      } catch (failure) {
        seen.push(String(failure), String((failure as Error).stack), JSON.stringify(failure), String((failure as Error).cause))
      }
      await journal.close()
      seen.push(JSON.stringify(outcomes), readFileSync(path, 'utf8'))
      expect(requests.length).toBeGreaterThan(0)
      expect(seen.join('').length).toBeGreaterThan(100)
      expect(seen.join('\n')).not.toContain('marker')
      rmSync(path)
    }),
  )
})
