/** selfinstruct's whole pipeline against a chat server in another process, and a bare loop of requests beside it; and journals. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { limited, selfInstruct } from 'selfinstruct'
import { compactJournal, openJournal } from 'selfinstruct/node'
import { openAICompatible } from 'selfinstruct/openai'
import type { Prepared, Start } from '../serve-peer.ts'
import { residentMemory } from './memory.ts'

interface Load {
  readonly requests: number
  readonly concurrency: number
  /** Requests that the server works on at a time, and how long on each. */
  readonly seats: number
  readonly milliseconds: number
}

type Run = (baseURL: string, load: Load) => Promise<number>

const text = 'The ship sailed from Bergen with sixty men on board, and the captain had forbidden all games of cards. '.repeat(38) // 4,000 characters

/** Two requests a pair, as from the command line: replies into a journal, limits, retries. */
const pipeline: Run = async (baseURL, { requests, concurrency }) => {
  const folder = mkdtempSync(join(tmpdir(), 'throughput-'))
  const journal = await openJournal(join(folder, 'journal.jsonl'), { run: 'bench' })
  const { complete, spent } = limited(openAICompatible({ baseURL, model: 'scripted', maxRetries: 0 }))
  const documents = Array.from({ length: requests / 2 }, (_, i) => ({ id: `${i}`, text: `${i} ${text}` }))
  let pairs = 0
  for await (const { kind } of selfInstruct({ documents, complete: journal.remember(complete), concurrency, minGroundedness: 0 }))
    if (kind === 'pair') pairs++
  await journal.close()
  rmSync(folder, { recursive: true })
  if (pairs !== requests / 2) throw new Error(`${pairs} pairs of ${requests / 2}`)
  return spent().requests
}

const bareLoop: Run = async (baseURL, { requests, concurrency }) => {
  let [asked, answered] = [0, 0]
  const worker = async (): Promise<void> => {
    while (asked < requests) {
      const body = JSON.stringify({ model: 'scripted', seed: asked++, messages: [{ role: 'user', content: text }] })
      const reply = await fetch(`${baseURL}/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
      const { choices } = await reply.json()
      if (choices.length === 1) answered++
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  return answered
}

async function under(run: Run, load: Load): Promise<Prepared> {
  const server = spawn(
    process.execPath,
    [...process.execArgv, fileURLToPath(new URL('chat-server.ts', import.meta.url)), String(load.seats), String(load.milliseconds)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const baseURL = await new Promise<string>((resolve) => server.stdout.once('data', (data) => resolve(String(data).trim())))
  let requests = 0
  return {
    async run() {
      const before = process.cpuUsage()
      const began = performance.now()
      requests = await run(baseURL, load)
      const took = performance.now() - began
      const { user, system } = process.cpuUsage(before)
      return { '': took, cpu: (user + system) / 1000 / load.requests }
    },
    check: () => [requests],
    dispose: () => server.kill('SIGKILL'),
  }
}

/** A journal of so many replies, opened or compacted. */
function journal({ records, compact }: { records: number; compact: boolean }): Prepared {
  const folder = mkdtempSync(join(tmpdir(), 'throughput-'))
  const path = join(folder, 'journal.jsonl')
  const reply = '<question>What did the captain say?</question>\n<answer>That "nobody" was to play cards on board.</answer>\n'.repeat(3)
  const file = openSync(path, 'w')
  writeSync(file, '{"journal":"selfinstruct","version":1,"run":"bench"}\n')
  for (let from = 0; from < records; from += 10_000)
    writeSync(file, Array.from({ length: Math.min(10_000, records - from) }, (_, i) => line(from + i, reply)).join(''))
  closeSync(file)
  let held = 0
  return {
    async run() {
      const began = performance.now()
      if (compact) held = (await compactJournal(path)).kept
      else {
        const opened = await openJournal(path, { run: 'bench' })
        held = opened.size()
        await opened.close()
      }
      return { '': performance.now() - began }
    },
    check: () => [held],
    dispose: () => rmSync(folder, { recursive: true }),
  }
}

const line = (i: number, reply: string): string =>
  `${JSON.stringify({ key: createHash('sha256').update(String(i)).digest('base64url').slice(0, 22), reply: `${reply}${i}` })}\n`

const before = process.memoryUsage().rss

export const start: Start = async (variant) => ({
  works: { throughput: (load: Load) => under(variant === 'ours' ? pipeline : bareLoop, load), journal },
  memory: { ...residentMemory, peak: () => residentMemory.peak() - before },
})
