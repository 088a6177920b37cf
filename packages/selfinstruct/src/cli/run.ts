import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { limited } from '../limits/limited.ts'
import { openJournal } from '../node/journal.ts'
import { openAICompatible } from '../openai-compatible.ts'
import { describeProgress, progress } from '../progress.ts'
import { selfInstruct } from '../self-instruct.ts'
import { checkReachable } from './check-reachable.ts'
import { documentsOf, filesOf } from './documents.ts'
import { dryRun } from './dry-run.ts'
import { writeMessages } from './messages.ts'
import type { Reader } from './options.ts'
import { outcomeFile } from './outcome-file.ts'
import { given, settingsFrom } from './settings.ts'
import { statusLine } from './status-line.ts'
import { writeView } from './view.ts'

/** What the command line asks for: a dry run, a page of what is there, or a run. */
export async function run(paths: readonly string[], options: Reader): Promise<void> {
  const limit = options.count('limit')
  const maxCharacters = options.count('max-characters')
  const settings = settingsFrom(options)
  const price = { prompt: options.number('price-prompt') ?? 0, completion: options.number('price-completion') ?? 0 }
  const files = filesOf(paths)
  const documents = () => documentsOf(files, limit)
  if (options.flag('dry-run')) return dryRun({ ...settings, documents: documents() }, price)
  const folder = options.text('out') ?? 'selfinstruct-out'
  const title = `selfinstruct: ${paths.join(', ')}`
  if (options.flag('view') && options.text('chat-url') === undefined) return writeView(folder, title, documents())

  const baseURL = options.required('chat-url', 'http://localhost:8080/v1')
  const model = options.required('chat-model', 'NAME, one that the server lists under /models')
  const apiKey = process.env[options.text('key-env') ?? 'SELFINSTRUCT_API_KEY']
  const timeoutMs = 1000 * (options.number('timeout') ?? 120)
  const chat = openAICompatible({
    ...{ baseURL, model, timeoutMs, maxRetries: 0 },
    ...(apiKey === undefined ? {} : { apiKey }),
    ...given({ temperature: options.number('temperature'), maxTokens: options.count('max-tokens') }),
  })
  const { complete, spent } = limited(chat, {
    ...{ timeoutMs, price },
    ...given({ requestsPerMinute: options.number('requests-per-minute'), tokensPerMinute: options.number('tokens-per-minute') }),
    budget: given({ requests: options.count('max-requests'), money: options.number('max-cost') }),
  })
  await checkReachable(baseURL)
  let total = 0
  for await (const _ of documents()) total += settings.pairsPerDocument ?? 1

  const path = join(folder, 'journal.jsonl')
  if (existsSync(path) && !options.flag('resume'))
    throw new RangeError(`${path} is of an earlier run: go on with it by --resume, or choose another --out.`)
  mkdirSync(folder, { recursive: true })
  const journal = await openJournal(path, { run: { model } })
  if (journal.size() > 0) console.error(`${journal.size().toLocaleString('en-US')} replies are in ${path}, they are not asked for again`)
  const stop = new AbortController()
  const signals = ['SIGINT', 'SIGTERM'] as const
  const onSignal = (): void => stop.abort(new Error(`stopped. What was made is in ${folder}; go on with --resume.`))
  for (const signal of signals) process.once(signal, onSignal)
  const out = outcomeFile(folder)
  const line = statusLine()
  const watch = progress({ total, spent })
  let last = ''
  try {
    const stream = selfInstruct({ ...settings, documents: documents(), complete: journal.remember(complete), signal: stop.signal })
    for await (const outcome of stream) {
      out.add(outcome)
      last = describeProgress(watch(outcome))
      line.show(last)
    }
  } finally {
    line.stop()
    for (const signal of signals) process.off(signal, onSignal)
    out.close()
    await journal.close()
    await writeMessages(folder, documents(), maxCharacters)
    if (last !== '') console.log(`${last}\nin ${folder}`)
    if (options.flag('view')) await writeView(folder, title, documents())
  }
}
