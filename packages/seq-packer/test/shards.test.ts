import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Document } from 'seq-packer'
import { type Manifest, openShards, type Problem, readDocuments, type TokenizeOptions, tokenizeToShards } from 'seq-packer/node'
import { afterAll, describe, expect, it } from 'vitest'
import { createEncoder } from '../src/node/encoder.ts'

const folder = mkdtempSync(join(tmpdir(), 'shards-'))
afterAll(() => rmSync(folder, { recursive: true }))
const at = (name: string) => join(folder, name)
const golden: { readonly kinds: readonly { readonly name: string; readonly tokenizer: object }[] } = JSON.parse(
  readFileSync(new URL('./golden/tokens.json', import.meta.url), 'utf8'),
)
function tokenizerOf(kind: string): string {
  writeFileSync(at(`${kind}.json`), JSON.stringify(golden.kinds.find(({ name }) => name === kind)!.tokenizer))
  return at(`${kind}.json`)
}
const tokenizer = tokenizerOf('GPT-2')
const words = ['the', 'quick', 'brown', 'fox', 'jumps', 'café', '漢字', '12', 'isn’t', '\n']
const textOf = (i: number) =>
  Array.from({ length: 15 * (1 + ((i * 37) % 60)) }, (_, j) => words[(i * i + j * j * j) % words.length]).join(' ') + i
const lines = (from: number, end: number) =>
  Array.from({ length: end - from }, (_, i) => `${JSON.stringify({ text: textOf(from + i) })}\n`).join('')
mkdirSync(at('texts'))
writeFileSync(at('texts/a.jsonl'), lines(0, 300))
writeFileSync(at('texts/b.jsonl'), `{"text": 7}\n${lines(290, 600)}`) // ten were in a
writeFileSync(at('texts/c.txt'), 'the last')

interface Run {
  readonly manifest: Manifest
  readonly kept: number
  readonly problems: readonly Problem[]
}
async function tokenize(options: Partial<TokenizeOptions> & { readonly folder: string }, stopAt = Number.POSITIVE_INFINITY): Promise<Run> {
  const problems: Problem[] = []
  const onProblem = (problem: Problem): void => void problems.push(problem)
  const run = tokenizeToShards({ documents: at('texts'), tokenizer, shardTokens: 50_000, workers: 1, onProblem, ...options })
  let kept = 0
  for (;;) {
    const { value, done } = await run.next()
    if (done) return { manifest: value, kept, problems }
    kept = value.kept
    if (value.shards >= stopAt) {
      await run.return(undefined as never)
      return { manifest: JSON.parse(readFileSync(join(options.folder, 'manifest.json'), 'utf8')), kept, problems }
    }
  }
}
const plain = ({ id, source, tokens }: Document) => `${id} of ${source}: ${Array.from(tokens)}`
const content = (name: string) =>
  Object.fromEntries(
    readdirSync(at(name)).map((file) => [
      file,
      createHash('sha256')
        .update(readFileSync(join(at(name), file)))
        .digest('hex'),
    ]),
  )

describe('tokenizeToShards and openShards', { timeout: 120_000 }, () => {
  it('give every document back with the tokens of its text, in order, by number and one after the other', async () => {
    const { manifest, problems } = await tokenize({ folder: at('whole') })
    expect(problems.map(({ kind, line }) => [kind, line])).toEqual([
      ['field', 1],
      ...Array.from({ length: 10 }, (_, i) => ['duplicate', 2 + i]),
    ])
    expect(manifest).toMatchObject({ complete: true, dtype: 'uint16', sources: ['texts'] })
    expect(manifest.shards.length).toBeGreaterThan(3)
    const encoder = await createEncoder(readFileSync(tokenizer, 'utf8'), { addSpecialTokens: true, endToken: null })
    const shards = openShards(at('whole'))
    let i = 0
    const stream = shards.documents()
    for await (const { id, source, text } of readDocuments(at('texts'), { onProblem: () => {} })) {
      const { tokens } = await encoder.encode([text])
      const expected = plain({ id, source, tokens })
      expect(plain(shards.at(i))).toBe(expected)
      expect(plain(stream.next().value!)).toBe(expected)
      expect(shards.lengths[i++]).toBe(tokens.length)
    }
    expect(stream.next().done).toBe(true)
    expect(i).toBe(601)
    expect(shards.numDocuments).toBe(601)
    expect(shards.numTokens).toBe(shards.lengths.reduce((sum, own) => sum + own, 0))
    // numpy.fromfile(path, '<u2')
    const raw = readFileSync(join(at('whole'), manifest.shards[0]!.tokens.name))
    expect(Array.from(shards.at(0).tokens)).toEqual(Array.from({ length: shards.lengths[0]! }, (_, t) => raw.readUInt16LE(2 * t)))

    const order = [600, 3, 3, 0]
    const own = shards.documents(order)
    own.next()
    const later = shards.documents(order)
    later.restore(JSON.parse(JSON.stringify(own.state())))
    expect([...later].map(plain)).toEqual([3, 3, 0].map((index) => plain(shards.at(index))))
    shards.close()
    expect(() => shards.at(0)).toThrow('has been closed. Open it again.')
  })

  it('write the same bytes with any number of threads, and stopped anywhere', async () => {
    await tokenize({ folder: at('threads'), workers: 3 })
    expect(content('threads')).toEqual(content('whole'))
    for (const stopAt of [1, 3]) {
      const { manifest } = await tokenize({ folder: at('stopped'), workers: 2 }, stopAt)
      expect(manifest.complete).toBe(false)
      expect(() => openShards(at('stopped'))).toThrow(
        `is not complete: ${manifest.shards.length} shards were written before it was stopped.`,
      )
    }
    expect((await tokenize({ folder: at('stopped') })).kept).toBeGreaterThanOrEqual(3)
    expect(content('stopped')).toEqual(content('whole'))
  })

  it('encode only what is new: nothing, what was appended, what was changed, a shard that is missing', async () => {
    const total = (await tokenize({ folder: at('cached') })).manifest.shards.length
    const again = await tokenize({ folder: at('cached') })
    expect(again).toMatchObject({ kept: total, problems: { length: 11 } })
    expect(content('cached')).toEqual(content('whole'))

    rmSync(at('cached/tokens-00002.bin'))
    expect((await tokenize({ folder: at('cached') })).kept).toBe(total - 1)
    expect(content('cached')).toEqual(content('whole'))

    const variants: readonly (readonly [string, () => void])[] = [
      ['appended', () => writeFileSync(at('other/z.txt'), 'the very last, and some more')],
      ['shorter', () => rmSync(at('other/c.txt'))],
      ['changed', () => writeFileSync(at('other/b.jsonl'), lines(301, 600))],
    ]
    mkdirSync(at('other'))
    for (const name of ['a.jsonl', 'b.jsonl', 'c.txt']) writeFileSync(at(`other/${name}`), readFileSync(at(`texts/${name}`)))
    await tokenize({ documents: at('other'), folder: at('changed') })
    for (const [name, change] of variants) {
      change()
      const { kept } = await tokenize({ documents: at('other'), folder: at('changed') })
      expect(kept, name).toBeGreaterThan(0)
      expect(kept, name).toBeLessThan(total)
      await tokenize({ documents: at('other'), folder: at(`fresh-${name}`) })
      expect(content('changed'), name).toEqual(content(`fresh-${name}`))
    }
  })

  it('take texts that come from anywhere, and more than 65536 tokens', async () => {
    const vocab = Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`w${i}`, i]))
    const model = { type: 'WordLevel', vocab, unk_token: 'w0' }
    writeFileSync(at('wide.json'), JSON.stringify({ version: '1.0', model, pre_tokenizer: { type: 'WhitespaceSplit' } }))
    async function* documents() {
      yield { id: 'x', source: 'made', text: 'w3 w69999' }
      yield { id: 'y', source: 'others', text: 'w65536' }
    }
    const { manifest } = await tokenize({ documents: documents(), tokenizer: at('wide.json'), folder: at('wide') })
    expect(manifest).toMatchObject({ dtype: 'uint32', vocabularySize: 70_000, sources: ['made', 'others'] })
    expect([...openShards(at('wide')).documents()]).toEqual([
      { id: 'x', source: 'made', tokens: Uint32Array.of(3, 69_999) },
      { id: 'y', source: 'others', tokens: Uint32Array.of(65_536) },
    ])
  })
})

describe('what is wrong is refused with place and remedy', () => {
  const refused = async (options: Partial<TokenizeOptions> & { readonly folder: string }, message: string) =>
    await expect(tokenize(options)).rejects.toThrow(message)

  it('settings, tokenizers and folders that do not fit', async () => {
    await tokenize({ folder: at('made') })
    const other = tokenizerOf('Qwen 2')
    await refused({ folder: at('made'), tokenizer: other }, `${at('made/manifest.json')} was made with tokenizer `)
    await refused({ folder: at('made'), endToken: '<|endoftext|>' }, 'was made with endToken null, here it is <|endoftext|>. Use the same,')
    await refused({ folder: at('x'), endToken: '</s>' }, "endToken '</s>' is not in the vocabulary; name one of its tokens")
    await refused({ folder: at('x'), tokenizer: at('none.json') }, `tokenizer ${at('none.json')} cannot be read (`)
    await refused({ folder: at('x'), tokenizer: at('texts/c.txt') }, 'this is no tokenizer.json (')
    await refused({ folder: at('x'), documents: at('none') }, 'none does not exist.')
    await refused({ folder: at('x'), workers: 0 }, 'tokenizeToShards: workers is 0')
    writeFileSync(at('empty.txt'), ' \n')
    await refused({ folder: at('x'), documents: at('empty.txt') }, 'there are no documents to tokenise. Name other files.')
    expect(() => openShards(at('nowhere'))).toThrow('manifest.json cannot be read (')
    await refused({ folder: at('y'), onProblem: undefined as never }, `${at('texts/b.jsonl')}:1: 'text' is 7, no text`)
  })

  it('shards that were changed', async () => {
    await tokenize({ folder: at('hurt') })
    const path = at('hurt/tokens-00001.bin')
    const bytes = readFileSync(path)
    bytes[1000]! ^= 1
    writeFileSync(path, bytes)
    const shards = openShards(at('hurt'))
    expect(() => [...shards.documents()]).toThrow(
      `${path} was changed after it was written: the checksum differs. Delete it and tokenise again`,
    )
    expect(shards.at(0).tokens.length).toBeGreaterThan(0) // another shard
    await refused({ folder: at('hurt') }, `${path} was changed after it was written`)
    truncateSync(path, 998)
    expect(() => openShards(at('hurt'))).toThrow(`it has 998 bytes, not ${bytes.length}`)
    rmSync(path)
    expect(() => openShards(at('hurt'))).toThrow(`${path} is missing. Tokenise again: only this shard is made anew.`)
    await tokenize({ folder: at('hurt') })
    appendFileSync(at('hurt/index-00000.bin'), ' ')
    expect(() => openShards(at('hurt'))).toThrow('index-00000.bin was changed')
    writeFileSync(at('hurt/manifest.json'), '{"format": "seq-packer shards 0"}')
    expect(() => openShards(at('hurt'))).toThrow("has format 'seq-packer shards 0'; this version reads 'seq-packer shards 1'. Tokenise")
  })

  it('a full disk: what is complete stays, and the next run goes on', async () => {
    const script = `import { tokenizeToShards } from 'seq-packer/node'
      const options = { documents: ${JSON.stringify(at('texts'))}, tokenizer: ${JSON.stringify(tokenizer)}, folder: ${JSON.stringify(at('full'))} }
      for await (const _ of tokenizeToShards({ ...options, shardTokens: 50_000, workers: 1, onProblem: () => {} }));`
    await tokenize({ folder: at('full'), documents: at('texts/a.jsonl'), source: 'texts' }) // without the limit below
    const limited = `trap '' XFSZ; ulimit -f 80; exec "$0" --import tsx --conditions=@repo/source --input-type=module -e "$1"`
    const output = await new Promise<string>((done) => {
      execFile('bash', ['-c', limited, process.execPath, script], { cwd: import.meta.dirname }, (_error, out, err) => done(out + err))
    })
    expect(output).toContain('no room on the disk')
    expect(output).toContain('shards are complete and stay: free some room and run the same again.')
    expect(readdirSync(at('full')).filter((name) => name.endsWith('.part'))).toEqual([])
    expect(statSync(at('full/tokens-00000.bin')).size).toBeGreaterThan(80 * 1024)
    expect((await tokenize({ folder: at('full') })).kept).toBeGreaterThan(2)
    expect(content('full')).toEqual(content('whole'))
  })
})
