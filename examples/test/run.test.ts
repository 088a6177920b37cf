import { appendFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Complete } from 'selfinstruct'
import { describe, expect, it } from 'vitest'
import { lockFolder } from '../long-context/lock.ts'
import { remember } from '../long-context/remember.ts'
import { differs, interval, meanInterval } from '../long-context/report/statistics.ts'

const folder = () => mkdtempSync(join(tmpdir(), 'run-'))

describe('remember', () => {
  it('asks nothing twice after an interruption in the middle of a line, and keeps the order of answers to the same question', async () => {
    const file = join(folder(), 'chat.jsonl')
    let asked = 0
    const chat: Complete = async ([message]) => `${message!.content} ${++asked}`
    const ask = (complete: Complete, content: string) => complete([{ role: 'user', content }])
    const first = remember(chat, 'm', file)
    expect([await ask(first, 'a'), await ask(first, 'b'), await ask(first, 'a')]).toEqual(['a 1', 'b 2', 'a 3'])
    appendFileSync(file, '{"messages":[{"role"')
    const second = remember(chat, 'm', file)
    expect([await ask(second, 'a'), await ask(second, 'a'), await ask(second, 'c')]).toEqual(['a 1', 'a 3', 'c 4'])
    expect(readFileSync(file, 'utf8').trim().split('\n')).toHaveLength(4)
    expect(await ask(remember(chat, 'another', file), 'a')).toBe('a 5')
  })
})

describe('lockFolder', () => {
  it('refuses a folder of a living process and takes that of a dead one', () => {
    const dir = folder()
    writeFileSync(join(dir, 'pid'), String(process.ppid))
    expect(() => lockFolder(dir)).toThrow(new RegExp(`in use by process ${process.ppid}; wait for it, or choose another --name`))
    writeFileSync(join(dir, 'pid'), '4194305') // above the largest process id of Linux
    lockFolder(dir)
    expect(readFileSync(join(dir, 'pid'), 'utf8')).toBe(String(process.pid))
  })
})

describe('intervals over seeds', () => {
  it("are Student's", () => {
    // mean 2, s = 1, t(2) = 4.303: half width 4.303/√3
    expect(interval([1, 2, 3])).toEqual({ mean: 2, half: expect.closeTo(2.4843, 4) })
    expect(meanInterval([1, 2, 3], 2)).toBe('2.00 ± 2.48')
    expect(meanInterval([2], 1)).toBe('2.0')
  })

  it('compare arms by seed', () => {
    expect(differs([1, 2, 3], [0, 1, 2.1])).toBe(true)
    expect(differs([1, 2, 3], [3, 2, 1])).toBe(false)
    expect(differs([1], [2])).toBeUndefined()
  })
})
