import { appendFileSync, mkdtempSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Complete } from 'selfinstruct'
import { openJournal } from 'selfinstruct/node'
import { expect, it } from 'vitest'

const fresh = () => join(mkdtempSync(join(tmpdir(), 'journal-')), 'journal.jsonl')
const ask = (i: number) => [{ role: 'user', content: `Question ${i}?\n"quoted" 鯨` }] as const
const run = { model: 'm', seed: 1 }

/** Replies of a model that counts how often it was asked. */
function counting(): { complete: Complete; asked: string[] } {
  const asked: string[] = []
  const complete: Complete = async ([message]) => `reply ${asked.push(message!.content)} to\n${message!.content}`
  return { complete, asked }
}

async function fill(path: string, count: number): Promise<string[]> {
  const journal = await openJournal(path, { run })
  const complete = journal.remember(counting().complete)
  const replies = await Promise.all(Array.from({ length: count }, (_, i) => complete(ask(i), { seed: i })))
  await journal.close()
  return replies
}

it('gives again what it holds, and asks only for the rest', async () => {
  const path = fresh()
  const replies = await fill(path, 20)
  const journal = await openJournal(path, { run })
  const { complete, asked } = counting()
  const again = await Promise.all(Array.from({ length: 21 }, (_, i) => journal.remember(complete)(ask(i), { seed: i })))
  expect([journal.size(), journal.damaged, asked.length]).toEqual([21, 0, 1])
  expect(again.slice(0, 20)).toEqual(replies)
  await journal.remember(complete)(ask(0), { seed: 99 }) // another request
  expect(asked).toHaveLength(2)
  await journal.close()
})

it('cut anywhere, it loses the cut line and nothing else', async () => {
  const path = fresh()
  const replies = await fill(path, 3)
  const whole = readFileSync(path)
  const lines = whole.toString('utf8').split('\n').slice(0, -1)
  for (let length = 0; length < whole.length; length += 7) {
    writeFileSync(path, whole)
    truncateSync(path, length)
    const kept = Math.max(0, whole.subarray(0, length).toString('utf8').split('\n').length - 2)
    const journal = await openJournal(path, { run })
    const { complete, asked } = counting()
    expect(journal.size(), `cut at ${length}`).toBe(kept)
    for (let i = 0; i < 3; i++) {
      const reply = await journal.remember(complete)(ask(i), { seed: i })
      if (i < kept) expect(reply).toBe(replies[i])
    }
    await journal.close()
    expect(asked).toHaveLength(3 - kept)
    expect(readFileSync(path, 'utf8').split('\n').slice(0, -1)).toHaveLength(lines.length)
  }
})

it('a damaged line inside is asked for again', async () => {
  const path = fresh()
  await fill(path, 2)
  appendFileSync(path, '{"key": \n')
  const journal = await openJournal(path, { run })
  expect([journal.size(), journal.damaged]).toEqual([2, 1])
  await journal.close()
})

it.each([
  ['of another run', { model: 'other' }, 'belongs to another run: {"journal":"selfinstruct","version":1,"run":{"model":"m","seed":1}}'],
])('refuses a journal %s, and leaves it as it is', async (_, other, message) => {
  const path = fresh()
  await fill(path, 2)
  const before = readFileSync(path, 'utf8')
  await expect(openJournal(path, { run: other })).rejects.toThrow(message)
  expect(readFileSync(path, 'utf8')).toBe(before)
})

it('refuses a file that is no journal, and leaves it as it is', async () => {
  const path = fresh()
  writeFileSync(path, 'Dear diary')
  await expect(openJournal(path, { run })).rejects.toThrow('is no journal; it begins with "Dear diary". Choose another path.')
  expect(readFileSync(path, 'utf8')).toBe('Dear diary')
})
