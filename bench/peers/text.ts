/** seq-packer in a process of its own: texts to shards, shards to rows, a tokenizer out of texts. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pack } from 'seq-packer'
import { openShards, readDocuments, tokenizeToShards, trainTokenizer } from 'seq-packer/node'
import type { Engine, Prepared } from '../serve-peer.ts'
import { makeTokenizer } from '../texts.ts'
import { residentMemory } from './memory.ts'

interface Input {
  /** JSONL. */
  readonly path: string
  readonly tokenizer: string
  readonly rowLength: number
  readonly vocabularySize: number
  /** How often the shards are read. */
  readonly times: number
}

export async function start(_: string, workers: number): Promise<Engine> {
  await makeTokenizer() // before the peers after this one ask for it
  return { works: { tokenize: (input: Input) => tokenize(input, workers), stream, bpe: train }, memory: residentMemory }
}

const folderOf = (): string => mkdtempSync(join(tmpdir(), 'bench-shards-'))

async function shardsOf({ path, tokenizer }: Input, folder: string, workers: number): Promise<number> {
  const run = tokenizeToShards({ documents: path, tokenizer, folder, workers, onProblem: () => {} })
  for (;;) {
    const { value, done } = await run.next()
    if (done) return value.shards.reduce((sum, { numTokens }) => sum + numTokens, 0)
  }
}

function tokenize(input: Input, workers: number): Prepared {
  let tokens = 0
  return {
    async run() {
      const folder = folderOf()
      const began = performance.now()
      tokens = await shardsOf(input, folder, workers)
      const took = performance.now() - began
      rmSync(folder, { recursive: true })
      return { '': took }
    },
    check: () => [tokens],
    dispose() {},
  }
}

/** Whole rows, as `concat` fills them: tokens, segments, positions and weights. */
async function stream(input: Input): Promise<Prepared> {
  const folder = folderOf()
  await shardsOf(input, folder, 1)
  let rows = 0
  return {
    run() {
      const began = performance.now()
      const shards = openShards(folder)
      rows = 0
      for (let time = 0; time < input.times; time++)
        for (const _ of pack(shards.documents(), { strategy: 'concat', rowLength: input.rowLength })) rows++
      shards.close()
      return { '': performance.now() - began }
    },
    check: () => [rows],
    dispose: () => rmSync(folder, { recursive: true }),
  }
}

function train({ path, vocabularySize }: Input): Prepared {
  let tokens = 0
  return {
    async run() {
      const began = performance.now()
      const run = trainTokenizer(readDocuments(path, { onProblem: () => {} }), { vocabularySize, pattern: 'gpt-2' })
      for (;;) {
        const { value, done } = await run.next()
        if (!done) continue
        tokens = JSON.parse(value).model.merges.length
        return { '': performance.now() - began }
      }
    },
    check: () => [tokens],
    dispose() {},
  }
}
