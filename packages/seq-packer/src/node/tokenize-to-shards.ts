import { existsSync, mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { checkCount } from '../check.ts'
import { checkSettings, emptyManifest, type Manifest, manifestFile, readManifest, type ShardSettings } from './manifest.ts'
import { loadTokenizer, readTokenizer } from './native-tokenizer.ts'
import { checkRead, failing } from './read-documents.ts'
import { type Record, recordsOf } from './records.ts'
import { shardRun } from './shard-run.ts'
import { type SourceFile, sourceFiles } from './source-files.ts'
import type { ReadOptions, TextDocument } from './text-document.ts'
import { workerPool } from './worker-pool.ts'

export interface TokenizeOptions extends ReadOptions {
  /** Files and folders as `readDocuments` takes them; or texts, which have to come in the same order again when a run is resumed. */
  readonly documents:
    | string
    | readonly string[]
    | { readonly [Symbol.asyncIterator]: () => AsyncIterator<Pick<TextDocument, 'id' | 'source' | 'text'>> }
  /** Path of a `tokenizer.json`. */
  readonly tokenizer: string
  /** Where the shards go; with shards of the same tokenizer in it, the run goes on after them. */
  readonly folder: string
  /** Threads that encode. Default: as many as the machine runs at once. */
  readonly workers?: number
  /** A shard ends with the document that reaches so many tokens. Default 2²⁶. */
  readonly shardTokens?: number
  /** What the tokenizer's post-processor puts around every text. Default true. */
  readonly addSpecialTokens?: boolean
  /** A token to end every document with, such as '<|endoftext|>'. */
  readonly endToken?: string
}

/** Where a run stands. */
export interface TokenizeProgress {
  /** Of the files, as far as they are read, as they lie on the disk; 0 for texts. */
  readonly bytes: number
  readonly totalBytes: number
  readonly documents: number
  readonly tokens: number
  readonly shards: number
  /** Shards of an earlier run that are kept. */
  readonly kept: number
  /** Documents left out. */
  readonly problems: number
}

/**
 * Reads, encodes and writes token shards for `openShards`; reports as it goes, and returns the manifest. The same inputs give the same
 * bytes, whatever the number of workers and however often the run was stopped. What is finished stays: a later run over the same folder
 * reads its texts again, compares hashes, and encodes only what is new.
 * @throws RangeError before anything is written for paths, tokenizers and folders that cannot be used, such as a folder of another
 * tokenizer; without `onProblem` for the first problem of a document; when nothing was read; for a shard that was changed.
 */
export async function* tokenizeToShards(options: TokenizeOptions): AsyncGenerator<TokenizeProgress, Manifest> {
  const { documents, folder, workers = availableParallelism(), shardTokens = 2 ** 26, addSpecialTokens = true, endToken = null } = options
  const { source, field = 'text', idField, split, maxDocumentBytes, onProblem } = checkRead('tokenizeToShards', options)
  checkCount('tokenizeToShards: workers', workers)
  checkCount('tokenizeToShards: shardTokens', shardTokens)
  const paths = typeof documents === 'string' ? [documents] : Symbol.asyncIterator in documents ? undefined : documents
  const files = paths ? sourceFiles('tokenizeToShards', paths, source, split) : []
  const { json, sha256 } = readTokenizer(options.tokenizer)
  const { tokenizer, vocabularySize } = loadTokenizer(json)
  if (endToken !== null && tokenizer.tokenToId(endToken) === null)
    throw new RangeError(`tokenizeToShards: endToken '${endToken}' is not in the vocabulary; name one of its tokens, or leave it out.`)
  const settings: ShardSettings = { tokenizer: sha256, vocabularySize, addSpecialTokens, endToken, shardTokens }
  const resumed = existsSync(join(folder, manifestFile))
  const manifest = resumed ? readManifest('tokenizeToShards', folder) : emptyManifest(settings)
  checkSettings(folder, manifest, settings)
  mkdirSync(folder, { recursive: true })

  async function* records(): AsyncGenerator<Record, void> {
    if (!paths && typeof documents === 'object' && Symbol.asyncIterator in documents) return yield* recordsOfTexts(documents)
    for (const file of files) yield* recordsOf(file, { field, idField, maxDocumentBytes })
  }
  const pool = workerPool(workers, { json, field, idField, addSpecialTokens, endToken })
  try {
    return yield* shardRun({
      folder,
      manifest,
      records,
      pool,
      inFlight: 2 * workers + 1,
      totalBytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
      onProblem: onProblem ?? failing('tokenizeToShards'),
    })
  } finally {
    await pool.close()
  }
}

async function* recordsOfTexts(texts: AsyncIterable<Pick<TextDocument, 'id' | 'source' | 'text'>>): AsyncGenerator<Record, void> {
  const files = new Map<string, SourceFile>()
  let line = 0
  for await (const { id, source, text } of texts) {
    const file = files.get(source) ?? { path: source, name: source, source, kind: 'text', compression: undefined, bytes: 0 }
    files.set(source, file)
    yield { file, line: ++line, bytes: Buffer.from(text), id }
  }
}
