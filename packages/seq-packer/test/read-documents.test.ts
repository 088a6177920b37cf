import { appendFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { type Problem, type ReadOptions, readDocuments, type TextDocument } from 'seq-packer/node'
import { afterAll, describe, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'documents-'))
afterAll(() => rmSync(folder, { recursive: true }))

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
  return path
}
const lines = (...values: readonly unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('')
const texts = (count: number) => Array.from({ length: count }, (_, i) => lines({ text: `text ${i}` })).join('')

async function read(paths: string | readonly string[], options: ReadOptions = {}) {
  const documents: TextDocument[] = []
  const problems: Problem[] = []
  for await (const own of readDocuments(paths, { onProblem: (problem) => problems.push(problem), ...options })) documents.push(own)
  return { documents, problems }
}
const textsOf = async (path: string, options?: ReadOptions) => (await read(path, options)).documents.map(({ text }) => text)
const parquet = (names: readonly string[], rowGroupSize = 2) =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: names.map((name) => ({ name, data: ['one', 'zwei ü', 'трое', '四', 'five'], type: 'STRING' })),
      rowGroupSize,
    }),
  )

describe('readDocuments', () => {
  it('reads folders in the order of their names, a text file as one document, and names all by their places', async () => {
    write('texts/b.txt', 'second')
    write('texts/a/deep.md', '# first\n')
    write('texts/c.jsonl', lines({ text: 'third', url: 'x' }, { text: 'fourth', url: 'y' }))
    write('texts/.hidden/d.txt', 'nothing')
    write('texts/e.csv', 'nothing')
    const path = join(folder, 'texts')
    expect(await read(`${path}/`)).toEqual({
      documents: [
        { id: 'a/deep.md', source: 'texts', text: '# first\n', file: join(path, 'a/deep.md'), line: 1 },
        { id: 'b.txt', source: 'texts', text: 'second', file: join(path, 'b.txt'), line: 1 },
        { id: 'c.jsonl:1', source: 'texts', text: 'third', file: join(path, 'c.jsonl'), line: 1 },
        { id: 'c.jsonl:2', source: 'texts', text: 'fourth', file: join(path, 'c.jsonl'), line: 2 },
      ],
      problems: [],
    })
    const { documents } = await read(join(path, 'c.jsonl'), { field: 'url', idField: 'text', source: 'web' })
    expect(documents.map(({ id, source, text }) => [id, source, text])).toEqual([
      ['third', 'web', 'x'],
      ['fourth', 'web', 'y'],
    ])
  })

  it('gives any texts back as they are, plain and compressed, whatever their lines end with', async () => {
    const text = fc.string({ unit: 'binary', minLength: 1 }).filter((own) => /\S/.test(own) && !/\p{Surrogate}/u.test(own))
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(text, { maxLength: 20 }), fc.constantFrom('\n', '\r\n'), fc.boolean(), async (own, end, last) => {
        const content = own.map((value) => JSON.stringify({ text: value })).join(end) + (last ? end : '')
        expect(await textsOf(write('any.jsonl', content))).toEqual(own)
        expect(await textsOf(write('any.ndjson.gz', gzipSync(content)))).toEqual(own)
      }),
      { numRuns: 50 },
    )
  })

  it('reads several gzip and zstd streams in one file, as compressors in parallel write them', async () => {
    const [first, second] = [texts(3), lines({ text: 'text 3' })]
    const whole = ['text 0', 'text 1', 'text 2', 'text 3']
    expect(await textsOf(write('two.json.gz', Buffer.concat([gzipSync(first), gzipSync(second)])))).toEqual(whole)
    // `zstd --fast=1` of the first, `zstd -19` of the second
    const frames = ['KLUv/QRI/QAAuHsidGV4dCI6InRleHQgMCJ9CjEyIn0KAgBgFkqeYYvecrY=', 'KLUv/QRokQAAeyJ0ZXh0IjoidGV4dCAzIn0K/5wcuQ==']
    expect(await textsOf(write('two.jsonl.zst', Buffer.concat(frames.map((frame) => Buffer.from(frame, 'base64')))))).toEqual(whole)
  })

  it('streams the row groups of Parquet', async () => {
    const path = write('data/train-00000-of-00001.parquet', parquet(['body', 'name']))
    const { documents } = await read(path, { field: 'body', idField: 'name' })
    expect(documents.map(({ id, text, line }) => [id, text, line])).toEqual([
      ['one', 'one', 1],
      ['zwei ü', 'zwei ü', 2],
      ['трое', 'трое', 3],
      ['四', '四', 4],
      ['five', 'five', 5],
    ])
  })

  it("takes a Hugging Face dataset folder: a split of it, through links, without the dataset's card", async () => {
    write('dataset/README.md', 'license: mit')
    write('dataset/data/test-00000-of-00001.parquet', parquet(['text']))
    symlinkSync(join(folder, 'dataset/data/test-00000-of-00001.parquet'), join(folder, 'dataset/data/train-00000-of-00001.parquet'))
    symlinkSync('nowhere.parquet', join(folder, 'dataset/data/gone.parquet'))
    const path = join(folder, 'dataset')
    const { documents } = await read(path, { split: 'train' })
    expect(documents.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5].map((row) => `data/train-00000-of-00001.parquet:${row}`))
    await expect(read(path)).rejects.toThrow(`readDocuments: ${path} has the splits test, train. Choose one by split, or name the files.`)
    await expect(read(path, { split: 'dev' })).rejects.toThrow(`${path} has no split 'dev'; it has test, train.`)
  })
})

describe('what cannot be used is reported with file, line and remedy, and the rest is read', () => {
  it.each<[string, string, string | Uint8Array, readonly string[], readonly [Problem['kind'], number, string]]>([
    [
      'an empty document',
      'a.jsonl',
      lines({ text: 'a' }, { text: ' \n' }, { text: 'b' }),
      ['a', 'b'],
      ['empty', 2, 'the document is empty. Leave'],
    ],
    ['an empty line', 'a.jsonl', `${texts(1)}\n`, ['text 0'], ['empty', 2, 'the line is empty. Leave it out.']],
    ['an empty file', 'a.txt', '', [], ['empty', 1, 'the document is empty. Leave it out.']],
    ['a text seen before', 'a.jsonl', texts(2) + texts(1), ['text 0', 'text 1'], ['duplicate', 3, 'a.jsonl:1. Leave one of them out.']],
    ['no JSON', 'a.jsonl', `${texts(1)}{"text": "b"\n`, ['text 0'], ['json', 2, 'not JSON (']],
    ['a number for a text', 'a.jsonl', lines({ text: 7 }, { text: 'b' }), ['b'], ['field', 1, "'text' is 7, no text; it has text. Name"]],
    [
      'no text',
      'a.jsonl',
      lines({ body: 'a', url: '' }),
      [],
      ['field', 1, "no 'text'; it has body, url. Name the field that holds the text."],
    ],
    ['a list', 'a.jsonl', '[1]\n', [], ['field', 1, "no 'text'; it has 0. Name"]],
    [
      'broken UTF-8 in a line',
      'a.jsonl',
      Buffer.from([...Buffer.from(`${texts(1)}{"text":"`), 0xff, 0x22, 0x7d]),
      ['text 0'],
      ['encoding', 2, 'iconv'],
    ],
    [
      'broken UTF-8 in a text',
      'a.txt',
      Buffer.from([0x61, 0x0a, 0x62, 0x0a, 0xc3, 0x28]),
      [],
      ['encoding', 3, 'not UTF-8. Convert the file'],
    ],
    ['UTF-16', 'a.txt', Buffer.from('\ufeffabc', 'utf16le'), [], ['encoding', 1, 'not UTF-8']],
    [
      'Parquet without the field',
      'a.parquet',
      parquet(['body', 'url']),
      [],
      ['field', 1, "no column 'text'; it has body, url. Name the one"],
    ],
    ['half a Parquet', 'a.parquet', parquet(['text']).slice(0, 60), [], ['parquet', 1, 'no readable Parquet (']],
    ['no zstd', 'a.txt.zst', 'abcdefgh', [], ['compression', 1, 'the zst is broken (']],
  ])('%s', async (_, name, content, expected, [kind, line, message]) => {
    const path = write(`bad/${name}`, content)
    const { documents, problems } = await read(path)
    expect(documents.map(({ text }) => text)).toEqual(expected)
    expect(problems).toMatchObject([{ kind, file: path, line, message: expect.stringContaining(message) }])
    expect(problems[0]!.message.startsWith(`${path}:${line}: `)).toBe(true)
    await expect(read(path, { onProblem: undefined as never })).rejects.toThrow(`readDocuments: ${path}:${line}: `)
    rmSync(path)
  })

  it('half a gzip: every whole line before the break', async () => {
    const content = texts(200_000)
    const gzip = gzipSync(content)
    const half = gzip.subarray(0, gzip.length >> 1)
    // zlib itself, told that the rest may be missing
    const before = gunzipSync(half, { finishFlush: 2 }).toString()
    const wholeLines = before.split('\n').length - 1
    const found = await read(write('half.jsonl.gz', half))
    expect(found.documents.length).toBe(wholeLines)
    expect(found.documents.at(-1)!.text).toBe(`text ${wholeLines - 1}`)
    expect(found.problems).toMatchObject([
      { kind: 'compression', line: wholeLines + 1, message: expect.stringContaining('unexpected end of file') },
    ])
  })

  it('a line of a gigabyte is passed over, and not held', async () => {
    const path = write('long.jsonl', lines({ text: 'before' }))
    truncateSync(path, 2 ** 30) // a hole of zeros
    appendFileSync(path, `\n${lines({ text: 'after' })}`)
    const before = process.memoryUsage().rss
    const { documents, problems } = await read(path)
    expect(documents.map(({ text }) => text)).toEqual(['before', 'after'])
    expect(problems).toMatchObject([
      { kind: 'too-long', line: 2, message: expect.stringContaining('1073741806 bytes, beyond maxDocumentBytes 134217728.') },
    ])
    expect(process.memoryUsage().rss - before).toBeLessThan(500e6)
  })
})

describe('what cannot be read at all is refused before anything is', () => {
  it.each<[string, () => readonly string[], string]>([
    ['no paths', () => [], 'readDocuments: there are no paths; name at least one file or folder.'],
    ['no such path', () => [join(folder, 'nowhere')], 'nowhere does not exist. Name a file or a folder.'],
    ['another kind of file', () => [write('kind/a.csv', 'a')], 'a.csv is no .txt, .md, .jsonl'],
    ['a folder without documents', () => [dirname(write('none/a.csv', 'a'))], 'none holds no .txt, .md, .jsonl'],
    ['Arrow files', () => [dirname(write('arrow/a.arrow', 'a'))], 'Write its Arrow files as Parquet: `dataset.to_parquet(path)`.'],
    [
      'the same ids twice',
      () => [write('x/a.jsonl', texts(1)), write('y/a.jsonl', texts(1))],
      'would have the same ids. Name a folder above both.',
    ],
  ])('%s', async (_, paths, message) => {
    await expect(read(paths())).rejects.toThrow(message)
  })
})
