// From a folder of texts to rows, as a new user would.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { node, options, run } from './command-line.ts'

const folder = mkdtempSync(join(tmpdir(), 'tokens-'))
afterAll(() => rmSync(folder, { recursive: true }))
const path = (name: string) => join(folder, name)
const words = readFileSync(new URL('../README.md', import.meta.url), 'utf8').split(/\s+/)
const textOf = (i: number, length: number) => Array.from({ length }, (_, j) => words[(i * 31 + j * j + i * j) % words.length]).join(' ')

mkdirSync(path('books'))
for (let i = 0; i < 8; i++) writeFileSync(path(`books/${i}.txt`), textOf(i, 5000))
writeFileSync(
  path('web.jsonl'),
  Array.from({ length: 3000 }, (_, i) => `${JSON.stringify(i === 7 ? { body: 'x' } : { text: textOf(i, 100 + (i % 300)) })}\n`).join(''),
)

describe('seq-packer', { timeout: 120_000 }, () => {
  it('trains a tokenizer, tokenises, mixes and packs', async () => {
    const dry = await run(`train-tokenizer ${path('books')} --vocabulary 600 --out ${path('tokenizer.json')} --dry-run`)
    expect(dry.output).toMatch(/^would read 8 files of [\d,]+ bytes and write 600 tokens to /)
    const trained = await run(`train-tokenizer ${path('books')} --vocabulary 600 --out ${path('tokenizer.json')}`)
    expect(trained).toEqual({ code: 0, output: `wrote ${path('tokenizer.json')} with 600 tokens\n` })
    const command = `tokenize ${path('web.jsonl')} --tokenizer ${path('tokenizer.json')} --out ${path('web')} --problems ${path('left-out.jsonl')}`
    expect((await run(`${command} --dry-run`)).output).toMatch(/^would tokenise 1 files of [\d,]+ bytes with 600 tokens into /)
    expect(existsSync(path('web'))).toBe(false)
    const tokenised = await run(command)
    expect(tokenised.code).toBe(0)
    expect(tokenised.output).toContain(`${path('web.jsonl')}:8: no 'text'; it has body. Name the field that holds the text.`)
    expect(tokenised.output).toMatch(/2,999 documents, [\d,]+ tokens in 1 shards in .*\nleft out: 1 field/)
    expect(JSON.parse(readFileSync(path('left-out.jsonl'), 'utf8'))).toMatchObject({ kind: 'field', line: 8 })
    writeFileSync(path('books.yaml'), `tokenizer: ${path('tokenizer.json')}\nout: ${path('book-tokens')}\nend-token: <|endoftext|>\n`)
    await run(`tokenize ${path('books')} --config ${path('books.yaml')}`)
    const mixed = await run(`mix web=${path('web')} books=${path('book-tokens')} --out ${path('mix.json')} --long-from 4096`)
    expect(mixed.output).toMatch(/default: 3,007 documents/)
    expect(await run(`pack ${path('mix.json')} --row-length 1024 --out ${path('rows')}`)).toMatchObject({ code: 0 })
    const inspected = await run(`inspect ${path('rows')}`)
    expect(inspected.output).toMatch(/rows of 1,024 tokens, 9\d\.\d+ % full/)
    const strict = await run(`${command} --strict`)
    expect(strict).toMatchObject({ code: 1, output: expect.stringContaining("web.jsonl:8: no 'text'") })
  })

  it('killed while tokenising, goes on and writes the same shards', async () => {
    const command = (out: string) =>
      `tokenize ${path('web.jsonl')} --tokenizer ${path('tokenizer.json')} --out ${path(out)} --shard-tokens 100000 --workers 2`
    await run(command('whole'))
    const child = spawn(process.execPath, [...node, ...command('killed').split(' ')], options)
    const timer = setInterval(() => existsSync(join(path('killed'), 'index-00000.bin')) && child.kill('SIGKILL'), 1)
    await new Promise((done) => child.on('close', done))
    clearInterval(timer)
    const files = readdirSync(path('whole'))
    expect(readdirSync(path('killed')).filter((file) => !file.endsWith('.part')).length).toBeLessThan(files.length)
    expect(await run(command('killed'))).toMatchObject({ code: 0 })
    expect(readdirSync(path('killed'))).toEqual(files)
    for (const file of files)
      expect(readFileSync(join(path('killed'), file)).equals(readFileSync(join(path('whole'), file))), file).toBe(true)
  })
})
