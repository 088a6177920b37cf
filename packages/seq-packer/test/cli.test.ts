// The command line as a user meets it: in processes of its own.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readRows } from 'seq-packer/parquet'
import { afterAll, describe, expect, it } from 'vitest'
import { valuesOf } from '../src/cli/command.ts'
import { inspect } from '../src/cli/inspect.ts'
import { mix } from '../src/cli/mix.ts'
import { pack } from '../src/cli/pack.ts'
import { node, options, run } from './command-line.ts'
import { segmentsOf } from './support.ts'

const folder = mkdtempSync(join(tmpdir(), 'seq-packer-'))
afterAll(() => rmSync(folder, { recursive: true }))
/** Without the process, for what is refused. */
async function inProcess(line: string): Promise<void> {
  const [word, ...argv] = line.split(' ')
  const command = [mix, pack, inspect].find(({ name }) => name === word)!
  const { values, positionals } = await valuesOf(command, argv, async () => ({}))
  await command.run(values, positionals)
}

const path = (name: string) => join(folder, name)
/** Token t of document i is 1000·i + t. */
const write = (name: string, lengths: readonly number[], from = 0) =>
  writeFileSync(
    path(name),
    lengths
      .map((length, i) => JSON.stringify({ input_ids: Array.from({ length }, (_, t) => 1000 * (from + i) + t), score: (i % 10) / 10 }))
      .join('\n'),
  )
write(
  'web.jsonl',
  Array.from({ length: 400 }, (_, i) => 1 + ((i * 37) % 150)),
)
write(
  'books.jsonl',
  Array.from({ length: 20 }, (_, i) => 300 + 30 * i),
  400,
)

async function rowsIn(name: string): Promise<number[][][]> {
  const rows: number[][][] = []
  for (const file of readdirSync(path(name)).sort()) {
    if (!file.endsWith('.parquet')) continue
    const bytes = readFileSync(join(path(name), file))
    for await (const row of readRows(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))) rows.push(segmentsOf(row))
  }
  return rows
}

describe('seq-packer', { timeout: 60_000 }, () => {
  it('mixes, packs and inspects', async () => {
    const mixed = await run(
      `mix web=${path('web.jsonl')} books=${path('books.jsonl')} --out ${path('mix.json')} --arm upsample-long --long-from 256 --long-share 0.5 --html ${path('mix.html')}`,
    )
    expect(mixed).toMatchObject({ code: 0, output: expect.stringContaining('50.0 % of the training') })
    const endless = await run(`pack ${path('mix.json')} --out ${path('rows')} --row-length 256`)
    expect(endless).toMatchObject({
      code: 1,
      output: expect.stringContaining('pack: the mix has no end; say how much is wanted with --tokens'),
    })
    writeFileSync(path('pack.yaml'), `row-length: 256\ntokens: 60000\nout: ${path('rows')}\nrows-per-file: 100\nbuffer: 100\n`)
    const dry = await run(`pack ${path('mix.json')} --config ${path('pack.yaml')} --dry-run`)
    expect(dry.output).toMatch(/would pack .* 235 rows of 256, 3 files/)
    expect(existsSync(path('rows'))).toBe(false)
    expect(await run(`pack ${path('mix.json')} --config ${path('pack.yaml')}`)).toMatchObject({ code: 0 })
    const tokens = (await rowsIn('rows')).flat(2)
    const long = tokens.filter((token) => token >= 400_000).length
    expect(tokens.length).toBeGreaterThanOrEqual(60_000)
    expect(Math.abs(long / tokens.length - 0.5)).toBeLessThan(0.05) // what waits in the buffer is not there yet
    const inspected = await run(`inspect ${path('rows')} --html ${path('rows.html')}`)
    expect(inspected.output).toMatch(/^235 rows of 256 tokens, 99\.\d+ % full/)
    for (const page of ['mix.html', 'rows.html']) {
      const html = readFileSync(path(page), 'utf8')
      expect(html).toContain('<svg')
      expect(html).not.toMatch(/NaN|undefined|https?:/)
    }
    const documents = await run(`inspect ${path('web.jsonl')} --row-length 256`)
    expect(documents.output).toMatch(/best fit, all documents known +11\d rows +99\.\d+ % full, 0 documents cut/)
  })

  it('killed in the middle, goes on and writes the same files', async () => {
    const command = (out: string) =>
      `pack ${path('web.jsonl')} ${path('books.jsonl')} --out ${path(out)} --row-length 128 --rows-per-file 5 --buffer 50`
    await run(command('whole'))
    const child = spawn(process.execPath, [...node, ...command('killed').split(' ')], options)
    const timer = setInterval(() => existsSync(join(path('killed'), 'rows-00003.parquet')) && child.kill('SIGKILL'), 1)
    await new Promise((done) => child.on('close', done))
    clearInterval(timer)
    const before = readdirSync(path('killed')).length
    const { output } = await run(command('killed'))
    expect(output).toMatch(/going on after \d+ files/)
    const files = readdirSync(path('whole'))
    expect(before).toBeLessThan(files.length)
    expect(readdirSync(path('killed')).filter((file) => !file.endsWith('.part'))).toEqual(files)
    for (const file of files) expect(readFileSync(join(path('killed'), file)).equals(readFileSync(join(path('whole'), file)))).toBe(true)
    const all = (await rowsIn('whole')).flat(2)
    expect(new Set(all).size).toBe(all.length)
    await run(`${command('overlapping')} --strategy concat --overlap 16`.replace(' --buffer 50', ''))
    const overlapping = (await rowsIn('overlapping')).flat(2)
    expect(new Set(overlapping)).toEqual(new Set(all))
    expect(overlapping.length).toBeGreaterThan(all.length)
    const other = await run(`${command('whole')} --row-length 64`)
    expect(other.output).toContain('the state was made with rowLength 128, here it is 64. Pass the same, or begin anew.')
  })

  it('says in a sentence what is wrong and what to do', async () => {
    writeFileSync(path('texts.jsonl'), '{"input_ids":[1]}\n{"text":"a"}\n')
    writeFileSync(path('broken.jsonl'), '{"input_ids":[1]}\n{"input_ids":[1')
    writeFileSync(path('empty.jsonl'), '')
    write('changed.jsonl', [3, 4])
    await run(`mix ${path('changed.jsonl')} --out ${path('changed.json')}`)
    write('changed.jsonl', [3, 5])
    const wrong: [command: string, message: string][] = [
      [`inspect ${path('texts.jsonl')}`, "texts.jsonl:2 has no list 'input_ids', but text. Tokenise the texts first."],
      [`inspect ${path('broken.jsonl')}`, 'broken.jsonl:2 is no JSON ('],
      [`inspect ${path('empty.jsonl')}`, 'there are no documents. Name another file, or leave it out.'],
      [
        `pack ${path('changed.json')} --out ${path('x')} --row-length 8`,
        "source 'changed' holds 2 documents of 8 tokens, the mix was made of 2 of 7.",
      ],
      [
        `pack ${path('web.jsonl')} --out ${path('x')} --row-length 8 --overlong refuse`,
        ' tokens, a row 8. Leave it out, choose a longer rowLength',
      ],
      [`pack ${path('web.jsonl')} --out ${path('x')} --row-length 9999 --strategy chunk`, 'no document fills a row of 9999 tokens.'],
      [`pack ${path('web.jsonl')} --out ${path('x')}`, '--row-length is missing; give it, such as --row-length 4096.'],
    ]
    for (const [command, message] of wrong) await expect(inProcess(command)).rejects.toThrow(message)
  })

  it('on a full disk leaves what is complete and nothing half', async () => {
    const full = await run(`pack ${path('web.jsonl')} --out ${path('full')} --row-length 128`, 'ulimit -f 20')
    expect(full).toMatchObject({
      code: 1,
      output: expect.stringContaining('What is complete stays: free some room and run the same command again.'),
    })
    expect(readdirSync(path('full'))).toEqual([])
  })
})
