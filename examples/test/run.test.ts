import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { lockFolder } from '../long-context/lock.ts'
import { differs, interval, meanInterval } from '../long-context/report/statistics.ts'

const folder = () => mkdtempSync(join(tmpdir(), 'run-'))

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
