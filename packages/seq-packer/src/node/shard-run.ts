import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Bundle, batchesOf } from './batches-of.ts'
import { type Manifest, manifestFile, type ShardRecord, sha256Of } from './manifest.ts'
import { changed } from './open-shards.ts'
import { duplicateOf, idOf, problemOf } from './read-documents.ts'
import type { Fault, Record } from './records.ts'
import { seenTexts } from './seen-texts.ts'
import { documentsHash, type ShardWriter, shardWriter, writeFile } from './shard-writer.ts'
import type { SourceFile } from './source-files.ts'
import type { Problem } from './text-document.ts'
import type { TokenizeProgress } from './tokenize-to-shards.ts'
import type { BatchResult } from './tokenize-worker.ts'
import type { workerPool } from './worker-pool.ts'

interface ShardRunOptions {
  readonly folder: string
  readonly manifest: Manifest
  /** All records from the first on. */
  readonly records: () => AsyncGenerator<Record, void>
  readonly pool: ReturnType<typeof workerPool>
  /** Batches read ahead of the one that is written next. */
  readonly inFlight: number
  readonly totalBytes: number
  readonly onProblem: (problem: Problem) => void
}

/** Where the sources no longer are what a shard was made of. */
interface Differs {
  /** Those that still are. */
  readonly valid: readonly ShardRecord[]
  readonly sources: readonly string[]
}

/** Passes over all records until the shards fit them: a second one where sources have changed since the first shards were made. */
export async function* shardRun(options: ShardRunOptions): AsyncGenerator<TokenizeProgress, Manifest> {
  const { folder } = options
  let manifest = options.manifest
  let present = await Promise.all(manifest.shards.map((shard) => isPresent(folder, shard)))
  for (;;) {
    const done = yield* pass({ ...options, manifest, present })
    if (!('valid' in done)) return done
    // what follows is made anew; the manifest first, so that it never names a shard of other texts
    const stale = manifest.shards.slice(done.valid.length)
    manifest = { ...manifest, sources: done.sources, shards: done.valid, complete: false }
    writeManifest(folder, manifest)
    for (const { tokens, index } of stale) for (const { name } of [tokens, index]) rmSync(join(folder, name), { force: true })
    present = manifest.shards.map(() => true)
  }
}

async function isPresent(folder: string, { tokens, index }: ShardRecord): Promise<boolean> {
  for (const { name, sha256 } of [tokens, index]) {
    const path = join(folder, name)
    if (!existsSync(path)) return false
    if ((await sha256Of(path)) !== sha256) throw changed(path)
  }
  return true
}

const writeManifest = (folder: string, manifest: Manifest) =>
  writeFile(folder, manifestFile, Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`))

async function* pass(
  options: ShardRunOptions & { readonly present: readonly boolean[] },
): AsyncGenerator<TokenizeProgress, Manifest | Differs> {
  const { folder, manifest, records, pool, inFlight, totalBytes, onProblem, present } = options
  const known = manifest.shards
  const shards: ShardRecord[] = []
  const sources = [...manifest.sources]
  const files = new Map<SourceFile, number>()
  let last: SourceFile | undefined
  const seen = seenTexts()
  let writer: ShardWriter | undefined
  let hash = documentsHash()
  let [count, documents, hashed, tokens, problems, kept, bytes, ofFile] = [0, 0, 0, 0, 0, 0, 0, 0]
  const validTo = (end: number): Differs => ({ valid: shards.slice(0, end), sources })
  const isKept = (shard: number) => shard < known.length && present[shard] === true

  function finish(): void {
    shards.push(writer!.close(count))
    writer = undefined
    writeManifest(folder, { ...manifest, sources, shards: [...shards, ...known.slice(shards.length)], complete: false })
  }
  function place(file: SourceFile): number {
    if (!files.has(file)) {
      bytes += last?.bytes ?? 0
      ofFile = 0
      last = file
      files.set(file, files.size)
    }
    if (!sources.includes(file.source)) sources.push(file.source)
    return sources.indexOf(file.source)
  }
  /** Takes one record into the shard at hand. */
  function take(record: Bundle['records'][number], i: number, result: BatchResult, own: BatchResult['tokens']): Differs | undefined {
    const { file, line } = record
    const source = place(file)
    count++
    const textHash = result.hashes.subarray(16 * i, 16 * i + 16)
    const keeps = isKept(shards.length)
    let fault: Fault | undefined = record.fault ?? result.faults.get(i)
    if (!fault) {
      const before = seen(textHash, files.get(file)!, line)
      if (before) fault = duplicateOf([...files.keys()][before.file]!.path, before.line)
      else if (!keeps && own.length === 0) fault = { kind: 'empty', what: 'the document has no tokens. Leave it out.' }
    }
    const id = record.id ?? result.ids.get(i) ?? idOf(record)
    if (fault) {
      problems++
      onProblem(problemOf(record, fault))
    } else if (keeps) {
      hash.add(id, source, textHash)
      hashed++
      documents++
    } else {
      // a last shard that is not full, and now there is more
      const { numTokens = manifest.shardTokens } = shards.at(-1) ?? {}
      if (!writer && numTokens < manifest.shardTokens) return validTo(shards.length - 1)
      writer ??= shardWriter(folder, shards.length)
      writer.add({ id, source, textHash, tokens: own })
      documents++
      tokens += own.length
      if (writer.numTokens() >= manifest.shardTokens) finish()
    }
    const wanted = known[shards.length]
    if (keeps && wanted && count === wanted.records) {
      if (hash.digest() !== wanted.documents || hashed !== wanted.numDocuments) return validTo(shards.length)
      shards.push(wanted)
      tokens += wanted.numTokens
      kept++
      hashed = 0
      hash = documentsHash()
    }
    return undefined
  }
  function borderAfter(at: number): { readonly border: number; readonly encode: boolean } {
    const next = known.findIndex(({ records: end }) => end > at)
    return next < 0 ? { border: Number.POSITIVE_INFINITY, encode: true } : { border: known[next]!.records, encode: !isKept(next) }
  }
  const waiting: { readonly bundle: Bundle; readonly result: Promise<BatchResult> }[] = []
  async function absorb(): Promise<Differs | undefined> {
    const { bundle, result: promise } = waiting.shift()!
    const result = await promise
    let from = 0
    let start = 0
    for (const [i, record] of bundle.records.entries()) {
      const length = Math.max(0, result.lengths[i]!)
      const differs = take(record, i, result, result.tokens.subarray(from, from + length))
      if (differs) return differs
      from += length
      const end = bundle.batch.ends[i]!
      if (end < 0) continue
      ofFile = Math.min(record.file.bytes, ofFile + end - start + 1)
      start = end
    }
    return undefined
  }
  const standing = (): TokenizeProgress => ({
    bytes: Math.min(totalBytes, bytes + ofFile),
    totalBytes,
    documents,
    tokens,
    shards: shards.length,
    kept,
    problems,
  })
  try {
    for await (const bundle of batchesOf(records(), borderAfter)) {
      const result = pool.run(bundle.batch)
      result.catch(() => {}) // told when it is awaited
      waiting.push({ bundle, result })
      if (waiting.length < inFlight) continue
      const differs = await absorb()
      if (differs) return differs
      yield standing()
    }
    while (waiting.length > 0) {
      const differs = await absorb()
      if (differs) return differs
      yield standing()
    }
    if (isKept(shards.length)) return validTo(shards.length) // the sources have become shorter
    if (writer) finish()
    if (shards.length < known.length) return validTo(shards.length)
    if (documents === 0) throw new RangeError('tokenizeToShards: there are no documents to tokenise. Name other files.')
    const complete: Manifest = { ...manifest, sources, shards, complete: true }
    writeManifest(folder, complete)
    yield standing()
    return complete
  } catch (error) {
    throw fullDisk(error, shards.length)
  } finally {
    writer?.abandon()
  }
}

/** No space, beyond the quota, beyond the largest file allowed. */
function fullDisk(error: unknown, shards: number): unknown {
  if (!(error instanceof Error && 'code' in error && ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(String(error.code)))) return error
  return new Error(
    `tokenizeToShards: no room on the disk (${error.message}). ${shards} shards are complete and stay: free some room and run the same again.`,
  )
}
