import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkLengths, readTexts } from '../long-context/texts.ts'

const options = { maxTexts: 100, shortLength: 16, longLength: 64 }
const folder = () => mkdtempSync(join(tmpdir(), 'texts-'))
const sentence = (i: number) =>
  `Sentence number ${'one two three four five six seven'.split(' ')[i % 7]} of document ${'abcdefghij'[i % 10]} is here. `

describe('texts', () => {
  it('are split by document, long and short ones in every part, the same way every time', async () => {
    const { texts } = await readTexts({ ...options, longLength: 1024, maxTexts: 1000 })
    const of = (split: string) => texts.filter((text) => text.split === split)
    expect(new Set(texts.map(({ id }) => id)).size).toBe(texts.length)
    expect(of('validation').length).toBeGreaterThan(texts.length / 12)
    expect(of('test').length).toBeGreaterThan(texts.length / 12)
    for (const split of ['train', 'validation', 'test']) {
      const lengths = of(split).map(({ text }) => text.length)
      expect(Math.max(...lengths)).toBeGreaterThan(100_000)
      expect(Math.min(...lengths)).toBeLessThan(10_000)
    }
    expect((await readTexts({ ...options, longLength: 1024, maxTexts: 1000 })).texts).toEqual(texts)
  })

  it('are dropped by quality, and counted', async () => {
    const dir = folder()
    for (let i = 0; i < 8; i++) writeFileSync(join(dir, `${i}.txt`), sentence(i).repeat(20 + i))
    writeFileSync(join(dir, 'again.txt'), sentence(0).repeat(20))
    writeFileSync(join(dir, 'again.md'), `  ${sentence(0).repeat(20)}`)
    writeFileSync(join(dir, 'latin.txt'), Uint8Array.of(0xe9, 0x20, 0xff))
    writeFileSync(join(dir, 'numbers.md'), '1234 5678 9012 '.repeat(40))
    writeFileSync(join(dir, 'line.txt'), 'One line.')
    const { texts, dropped, unreadable } = await readTexts({ ...options, paths: [dir] })
    expect(texts).toHaveLength(8)
    expect(unreadable).toEqual([expect.stringMatching(/again.txt:1: the same text as/), expect.stringMatching(/latin.txt:1: not UTF-8/)])
    expect(dropped).toEqual({
      duplicate: 1,
      encoding: 1,
      'shorter than 32 characters': 1,
      'mostly not letters': 1,
      'repeats another document': 1,
    })
  })

  it('one book is split by parts, whole', async () => {
    const file = join(folder(), 'book.txt')
    const paragraphs = Array.from(
      { length: 300 },
      (_, i) => `${sentence(i)}Paragraph ${i} has ${'many fine words and so on '.repeat((i % 5) + 1)}.`,
    )
    writeFileSync(file, paragraphs.join('\n\n'))
    const { texts } = await readTexts({ ...options, maxTexts: 1000, paths: [file] })
    expect(texts.length).toBeGreaterThan(20)
    const number = (id: string) => Number(id.split('#')[1])
    const whole = texts.toSorted((a, b) => number(a.id) - number(b.id)).map(({ text }) => text)
    const words = (text: string) => text.split(/\s+/)
    expect(words(whole.join(' '))).toEqual(words(paragraphs.join(' ')))
  })

  it('that cannot be used are named, with the remedy', async () => {
    const dir = folder()
    const refused = (path: string) => expect(readTexts({ ...options, paths: [path] })).rejects
    await refused(join(dir, 'none')).toThrow(/none does not exist/)
    await refused(dir).toThrow(/holds no \.txt, \.md, \.jsonl .* or \.parquet file/)
    writeFileSync(join(dir, 'image.txt'), 'A single line of text that goes on for a while.')
    await refused(dir).toThrow(/1 usable documents of 1; at least 6 are needed/)
    mkdirSync(join(dir, 'sub'))
    writeFileSync(join(dir, 'sub', 'short.md'), 'Too short.')
    await refused(dir).toThrow(/1 usable documents of 2 \(dropped: 1 shorter than 32 characters\)/)
  })

  it('come from JSONL too, one a line', async () => {
    const file = join(folder(), 'texts.jsonl')
    writeFileSync(file, Array.from({ length: 8 }, (_, i) => JSON.stringify({ text: sentence(i).repeat(20 + i) })).join('\n'))
    const { texts } = await readTexts({ ...options, paths: [file] })
    expect(texts.map(({ id }) => id).sort()).toEqual(Array.from({ length: 8 }, (_, i) => `texts.jsonl:${i + 1}`))
  })

  it('shorter than a row are refused before anything is trained', () => {
    const documents = (longest: number) =>
      ['train', 'validation', 'test'].map((split) => ({ split, tokens: Array.from({ length: longest }, () => 1) }))
    expect(() => checkLengths(documents(64), 64)).not.toThrow()
    expect(() => checkLengths(documents(63), 64)).toThrow(
      /the longest train document has 63 tokens, --long-length is 64; give longer documents/,
    )
  })
})
