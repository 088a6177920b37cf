import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { reader, type Values } from '../src/cli/options.ts'
import { run } from '../src/cli/run.ts'
import { json, reply, withServer } from './support.ts'

const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
const key = 'sk-marker-0123456789'

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly error: string
}

/** Runs the command line in a folder of its own. */
function cli(folder: string, args: readonly string[], { killAfter }: { killAfter?: Promise<unknown> } = {}): Promise<Ended> {
  const child = spawn(process.execPath, ['--conditions=@repo/source', `--import=${import.meta.resolve('tsx')}`, main, ...args], {
    cwd: folder,
    env: { ...process.env, SELFINSTRUCT_API_KEY: key },
  })
  let [out, error] = ['', '']
  child.stdout.on('data', (data) => {
    out += data
  })
  child.stderr.on('data', (data) => {
    error += data
  })
  void killAfter?.then(() => child.kill('SIGINT'))
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, error })))
}

function folderOf(documents: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'cli-'))
  mkdirSync(join(folder, 'texts/more'), { recursive: true })
  for (let i = 0; i < documents; i++)
    writeFileSync(join(folder, 'texts', i % 2 === 0 ? `${i}.txt` : `more/${i}.md`), `The ship number ${i} sailed from Bergen to port ${i}.`)
  return folder
}

/** Answers as a model that reads: a question about the ship, and a verdict. */
const model = (body: Record<string, unknown>) => {
  const text = JSON.stringify(body.messages)
  const ship = /number (\d+)/.exec(text)![1]
  const content = text.includes('<verdict>')
    ? '<verdict>yes</verdict>'
    : reply(`Where did ship ${ship} w${ship} sail x${ship} to?`, `port ${ship}`)
  return {
    choices: [{ message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 100, completion_tokens: 10 },
  }
}
const serve = <T>(use: (server: { baseURL: string; requests: Record<string, unknown>[] }) => Promise<T>) =>
  withServer([({ body }, response) => json(200, model(body))({ body, headers: {}, url: '' }, response)], use)

const outcomesIn = (folder: string) =>
  readFileSync(join(folder, 'selfinstruct-out/outcomes.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

it('makes pairs of a folder, resumes without asking again, and writes a page', () =>
  serve(async ({ baseURL, requests }) => {
    const folder = folderOf(6)
    const args = ['texts', '--chat-url', baseURL, '--chat-model', 'm']
    const first = await cli(folder, [...args, '--limit', '4', '--price-prompt', '1', '--price-completion', '10'])
    expect(first).toEqual({
      code: 0,
      error: '',
      out: expect.stringContaining('4 of 4 · 4 pairs (100 %) · 8 requests, 880 tokens, 0.0016 · 0 s left\nin selfinstruct-out'),
    })
    expect([outcomesIn(folder).map(({ answer }) => answer), requests.length]).toEqual([['port 0', 'port 2', 'port 4', 'port 1'], 8])
    const again = await cli(folder, args)
    expect(again).toEqual({
      ...{ code: 1, out: '' },
      error: 'selfinstruct: selfinstruct-out/journal.jsonl is of an earlier run: go on with it by --resume, or choose another --out.\n',
    })
    const resumed = await cli(folder, [...args, '--resume', '--view'])
    expect([resumed.code, requests.length, outcomesIn(folder).length]).toEqual([0, 12, 6])
    expect(resumed.error).toBe('8 replies are in selfinstruct-out/journal.jsonl, they are not asked for again\n')
    expect(resumed.out).toContain('wrote selfinstruct-out/view.html')
    expect(readFileSync(join(folder, 'selfinstruct-out/view.html'), 'utf8')).toContain('ship number 5 sailed from Bergen')
    const page = await cli(folder, ['texts', '--view'])
    expect([page.code, page.out, requests.length]).toEqual([0, 'wrote selfinstruct-out/view.html\n', 12])
    const chats = readFileSync(join(folder, 'selfinstruct-out/messages.jsonl'), 'utf8').trim().split('\n')
    const { messages } = JSON.parse(chats[5]!)
    expect([chats.length, messages.map(({ role }: { role: string }) => role), messages[1].content]).toEqual([
      6,
      ['user', 'assistant'],
      'port 5',
    ])
    expect(messages[0].content).toContain('The ship number 5 sailed from Bergen to port 5.')
    for (const file of readdirSync(join(folder, 'selfinstruct-out')))
      expect(readFileSync(join(folder, 'selfinstruct-out', file), 'utf8'), file).not.toContain('marker')
  }))

it('an interrupted run says how to go on, and goes on', () =>
  serve(async ({ baseURL, requests }) => {
    const folder = folderOf(40)
    const args = ['texts', '--chat-url', baseURL, '--chat-model', 'm', '--concurrency', '1']
    const some = new Promise<void>((resolve) => {
      const watch = setInterval(() => {
        if (requests.length < 9) return
        clearInterval(watch)
        resolve()
      }, 5)
    })
    const stopped = await cli(folder, [...args, '--requests-per-minute', '1200'], { killAfter: some })
    expect([stopped.code, stopped.error]).toEqual([
      1,
      'selfinstruct: stopped. What was made is in selfinstruct-out; go on with --resume.\n',
    ])
    expect(outcomesIn(folder).length).toBeGreaterThanOrEqual(3)
    const { code } = await cli(folder, [...args, '--resume'])
    const asked = requests.map((body) => JSON.stringify(body))
    expect([code, outcomesIn(folder).length, new Set(asked).size]).toEqual([0, 40, 80])
    expect(asked.length).toBeLessThanOrEqual(81) // the one under way when it was stopped
  }))

it('a dry run shows prompts and cost, requests nothing, writes nothing', () =>
  serve(async ({ baseURL, requests }) => {
    const folder = folderOf(3)
    writeFileSync(
      join(folder, 'run.yaml'),
      `documents: [texts]\nchat-url: ${baseURL}\nchat-model: m\nkinds: [normal]\nclosed-book: 0.8\nprice-prompt: 1\nprice-completion: 2\n`,
    )
    const { code, out, error } = await cli(folder, ['--config', 'run.yaml', '--dry-run', '--limit', '2'])
    expect([code, error, requests.length, existsSync(join(folder, 'selfinstruct-out'))]).toEqual([0, '', 0, false])
    for (const title of ['generation: asks for a pair', 'critique: checks the answer', 'closedBook: asks without the document'])
      expect(out).toContain(`---- ${title} ----\n[user]\n`)
    expect(out).toContain('The ship number 0 sailed from Bergen to port 0.')
    expect(out).toMatch(
      /2 documents, at most 6 requests .* and 520 of replies .*, which cost 0\.00\d+\. Nothing was requested or written\.\n$/,
    )
  }))

it('reads .jsonl documents, with and without ids', () =>
  serve(async ({ baseURL }) => {
    const folder = folderOf(1)
    writeFileSync(
      join(folder, 'texts.jsonl'),
      '{"text": "Ship number 7 came to port 7."}\n\n{"id": "log", "text": "Ship number 8 came to port 8."}\n',
    )
    const { code } = await cli(folder, ['texts.jsonl', '--chat-url', baseURL, '--chat-model', 'm'])
    expect([code, outcomesIn(folder).map(({ documentId }) => documentId)]).toEqual([0, ['texts.jsonl:1', 'log']])
  }))

it('says what is wrong in one line, without the key', () =>
  withServer([json(404, { error: { message: `no model m for ${key}` } })], async ({ baseURL }) => {
    const folder = folderOf(2)
    writeFileSync(join(folder, 'bad.yaml'), `documents: texts\napi-key: ${key}\n`)
    const chat = ['--chat-url', baseURL, '--chat-model', 'm']
    const cases: readonly (readonly [args: readonly string[], message: string])[] = [
      [
        ['texts', ...chat],
        `openAICompatible: ${baseURL} (model 'm'): status 404 no model m for [key]. Either the server does not have this model`,
      ],
      [['texts', '--api-key', key], "Unknown option '--api-key'"],
      [['--config', 'bad.yaml'], "--config bad.yaml: 'api-key' is no option; choose from documents, chat-url"],
    ]
    for (const [args, message] of cases) {
      const { code, out, error } = await cli(folder, args)
      expect([code, error]).toEqual([1, expect.stringContaining(`selfinstruct: ${message}`)])
      expect(error.trim().split('\n'), args.join(' ')).toHaveLength(1)
      expect(out + error).not.toContain('marker')
    }
  }))

it('names what is wrong with options and documents', async () => {
  const folder = folderOf(2)
  const texts = join(folder, 'texts')
  const [badLine, badText] = [join(folder, 'bad.jsonl'), join(folder, 'bad.txt')]
  writeFileSync(badLine, '{"txt": 1}\n')
  writeFileSync(badText, Buffer.from([0xff, 0xfe, 0x00]))
  const chat = { 'chat-url': 'http://127.0.0.1:9/v1', 'chat-model': 'm' }
  const cases: readonly (readonly [path: string, values: Values, message: string])[] = [
    [texts, chat, '--chat-url http://127.0.0.1:9/v1 cannot be reached (ECONNREFUSED).'],
    [texts, { 'chat-model': 'm' }, '--chat-url is missing; give it, such as --chat-url http://localhost:8080/v1.'],
    [texts, { 'chat-url': 'http://127.0.0.1:9/v1' }, '--chat-model is missing'],
    [texts, { ...chat, 'chat-url': 'localhost' }, "baseURL is 'localhost'; it must be a URL of http or https"],
    [join(folder, 'nowhere'), chat, 'nowhere does not exist. Is the path right?'],
    [texts, { ...chat, kinds: 'long' }, "--kinds has 'long'; choose from normal, short, summary, multi-chunk."],
    [texts, { ...chat, limit: 'few' }, "--limit is 'few'; it must be a number."],
    [texts, { ...chat, limit: '0' }, '--limit is 0; it must be a whole number ≥ 1.'],
    [badLine, { 'dry-run': true }, 'bad.jsonl:1 has no "text"; every line is { "text": "…", "id"?: "…" }.'],
    [badText, { 'dry-run': true }, 'bad.txt is not UTF-8 text; convert it first'],
    [texts, { view: true, out: join(folder, 'none') }, 'outcomes.jsonl does not exist: there is nothing to view.'],
  ]
  for (const [path, values, message] of cases) await expect(run([path], reader(values)), message).rejects.toThrow(message)
})

it('explains itself', async () => {
  const { code, out } = await cli(tmpdir(), ['--help'])
  expect(code).toBe(0)
  expect(out).toContain('selfinstruct DOCUMENTS … --chat-url URL --chat-model NAME [options]')
  expect(out).toContain('--dry-run ')
})
