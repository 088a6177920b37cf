import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Complete } from 'selfinstruct'
import { compactJournal, openJournal } from 'selfinstruct/node'
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

it('a journal of another run that was cut off within its first line stays as it is, one that may be of this run goes on', async () => {
  const path = fresh()
  await fill(path, 2)
  const header = readFileSync(path, 'utf8').split('\n')[0]!
  for (const length of [30, header.length - 2]) {
    writeFileSync(path, header.slice(0, length).replace('"m"', '"other"'))
    const before = readFileSync(path, 'utf8')
    const opened = openJournal(path, { run })
    if (before.includes('other')) await expect(opened).rejects.toThrow('belongs to another run')
    else await (await opened).close()
    expect(readFileSync(path, 'utf8')).toBe(before.includes('other') ? before : `${header}\n`)
  }
})

it('compacts: no damaged line, no line that a later one replaces, all replies', async () => {
  const path = fresh()
  const replies = await fill(path, 5)
  const [header, first, ...others] = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  const older = first!.replace('reply 1', 'an older reply')
  writeFileSync(path, [header, older, '{"key": 7}', ...others, first, '', '{"key":"cut o'].join('\n'))
  expect(await compactJournal(path)).toEqual({ kept: 5, dropped: 4 })
  expect(readFileSync(path, 'utf8')).toBe(`${[header, ...others, first].join('\n')}\n`)
  const journal = await openJournal(path, { run })
  const { complete, asked } = counting()
  const again = await Promise.all(replies.map((_, i) => journal.remember(complete)(ask(i), { seed: i })))
  await journal.close()
  expect([again, asked, journal.damaged]).toEqual([replies, [], 0])
  writeFileSync(path, 'Dear diary\n')
  await expect(compactJournal(path)).rejects.toThrow('is no journal')
  await expect(compactJournal(`${path}.not`)).rejects.toThrow('holds no journal')
})

it('on a full disk calls fail with one clear line, and what was there is safe and goes on once there is room', async ({ skip }) => {
  const folder = mkdtempSync(join(tmpdir(), 'journal-'))
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]).status !== 0) return skip('may not mount a small disk')
  try {
    const path = join(folder, 'journal.jsonl')
    const complete: Complete = async ([message]) => `${message!.content} ${'x'.repeat(1000)}`
    const journal = await openJournal(path, { run })
    const results = await Promise.allSettled(
      Array.from({ length: 200 }, async (_, i) => {
        await new Promise((resolve) => setTimeout(resolve, i))
        return journal.remember(complete)(ask(i))
      }),
    )
    await journal.close()
    const failures = results.filter((result) => result.status === 'rejected').map(({ reason }) => reason)
    const kept = results.length - failures.length
    expect(kept).toBeGreaterThan(10)
    expect(failures.length).toBeGreaterThan(10)
    expect(failures[0].message).toBe(
      `openJournal: '${path}' cannot be written (ENOSPC: no space left on device, write). Its ${kept} replies are safe; make room, then resume.`,
    )
    expect(failures[0].fatal).toBe(true)
    const full = join(folder, 'full')
    expect(() => writeFileSync(full, 'x'.repeat(100_000))).toThrow('ENOSPC')
    await expect(openJournal(join(folder, 'other.jsonl'), { run })).rejects.toThrow('cannot be written (ENOSPC')
    await expect(compactJournal(path)).rejects.toThrow('ENOSPC')
    rmSync(full)
    const resumed = await openJournal(path, { run })
    expect([resumed.size(), resumed.damaged]).toEqual([kept, 0])
    expect(await resumed.remember(counting().complete)(ask(0))).toContain('xxx')
    await resumed.close()
  } finally {
    spawnSync('umount', [folder])
  }
})
