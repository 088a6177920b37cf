import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { resumable, wholeNumber } from '../resumable.ts'
import type { Document, Resumable, Stored } from '../types.ts'
import { type Manifest, readManifest, type ShardRecord } from './manifest.ts'
import { blockBytes, readIndex, type ShardIndex } from './shard-index.ts'
import type { TokenArray } from './shard-writer.ts'

/** Documents in token shards, read from disk as they are asked for. */
export interface ShardReader extends Stored<Document> {
  readonly manifest: Manifest
  readonly numDocuments: number
  readonly numTokens: number
  /** Tokens of each document, in the order of the shards. */
  readonly lengths: Uint32Array
  /** Reads one document. */
  readonly at: (index: number) => Document
  /** All documents, or those of `order`; in their own order read ahead by megabytes. Its state is the number handed out. */
  readonly documents: (order?: ArrayLike<number>) => Resumable<Document>
  /** Closes the files. */
  readonly close: () => void
}

interface Shard extends ShardIndex {
  /** Of the first document and the first token in all shards. */
  readonly firstDocument: number
  readonly path: string
  readonly handle: number
  readonly bytes: number
  /** First token of each document in the shard. */
  readonly starts: Float64Array
  readonly verified: Uint8Array
}

const windowBytes = 2 ** 20

/**
 * Opens a folder of token shards. Every byte read is checked against the checksums of the index, once.
 * @throws RangeError when the folder holds no finished shards, or a file is missing, shorter or longer than it was written, or its index
 * was changed; `at` and `documents` throw it where tokens were changed.
 */
export function openShards(folder: string): ShardReader {
  const manifest = readManifest('openShards', folder)
  if (!manifest.complete)
    throw new RangeError(
      `openShards: ${folder} is not complete: ${manifest.shards.length} shards were written before it was stopped. Run the same \`seq-packer tokenize\` again, it goes on from there.`,
    )
  const wide = manifest.dtype === 'uint32'
  const width = wide ? 4 : 2
  const numDocuments = manifest.shards.reduce((sum, own) => sum + own.numDocuments, 0)
  const lengths = new Uint32Array(numDocuments)
  const shards: Shard[] = []
  const close = (): void => {
    for (const { handle } of shards.splice(0)) closeSync(handle)
  }
  try {
    let firstDocument = 0
    for (const record of manifest.shards) {
      const shard = openShard(folder, record, firstDocument)
      shards.push(shard)
      lengths.set(shard.lengths, firstDocument)
      firstDocument += record.numDocuments
    }
  } catch (error) {
    close()
    throw error
  }

  /** Bytes [from, end) of a shard, in memory of their own, and perhaps more after them. */
  function read(shard: Shard, from: number, end: number): { readonly bytes: Buffer; readonly from: number } {
    const [first, last] = [Math.floor(from / blockBytes), Math.ceil(end / blockBytes)]
    if (shard.verified.subarray(first, last).every((done) => done === 1)) return { bytes: readRange(shard, from, end), from }
    const bytes = readRange(shard, first * blockBytes, Math.min(last * blockBytes, shard.bytes))
    for (let block = first; block < last; block++) {
      const at = (block - first) * blockBytes
      if (crc32(bytes.subarray(at, at + blockBytes)) !== shard.checksums[block]) throw changed(shard.path)
      shard.verified[block] = 1
    }
    return { bytes, from: first * blockBytes }
  }
  const tokensIn = (bytes: Buffer, from: number, length: number): TokenArray =>
    wide ? new Uint32Array(bytes.buffer, bytes.byteOffset + from, length) : new Uint16Array(bytes.buffer, bytes.byteOffset + from, length)

  function locate(index: number): { readonly shard: Shard; readonly own: number } {
    if (!(Number.isInteger(index) && index >= 0 && index < numDocuments))
      throw new RangeError(`openShards: there is no document ${index}; ${folder} holds ${numDocuments}.`)
    if (shards.length === 0) throw new RangeError(`openShards: ${folder} has been closed. Open it again.`)
    let [low, high] = [0, shards.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (shards[middle]!.firstDocument <= index) low = middle
      else high = middle - 1
    }
    return { shard: shards[low]!, own: index - shards[low]!.firstDocument }
  }
  function documentOf(shard: Shard, own: number, tokens: TokenArray): Document {
    return {
      id: shard.ids.toString('utf8', own === 0 ? 0 : shard.idEnds[own - 1]!, shard.idEnds[own]!),
      source: manifest.sources[shard.sources[own]!]!,
      tokens,
    }
  }
  function at(index: number): Document {
    const { shard, own } = locate(index)
    const start = shard.starts[own]! * width
    const { bytes, from } = read(shard, start, start + shard.lengths[own]! * width)
    return documentOf(shard, own, tokensIn(bytes, start - from, shard.lengths[own]!))
  }
  function documents(order?: ArrayLike<number>): Resumable<Document> {
    let count = 0
    let window: { readonly shard: Shard; readonly bytes: Buffer; readonly from: number } | undefined
    const next = (): Document | undefined => {
      if (count >= (order?.length ?? numDocuments)) return undefined
      if (order) return at(order[count++]!)
      const { shard, own } = locate(count++)
      const start = shard.starts[own]! * width
      const length = shard.lengths[own]!
      const end = start + length * width
      if (window?.shard !== shard || start < window.from || end > window.from + window.bytes.length) {
        const ahead = Math.min(shard.bytes, Math.max(end, start + windowBytes))
        window = { shard, ...read(shard, start, Math.min(shard.bytes, Math.ceil(ahead / blockBytes) * blockBytes)) }
      }
      return documentOf(shard, own, tokensIn(window.bytes, start - window.from, length))
    }
    return resumable(
      next,
      () => count,
      (state) => {
        count = wholeNumber('openShards.documents.restore: the number of documents', state)
      },
    )
  }
  const numTokens = manifest.shards.reduce((sum, own) => sum + own.numTokens, 0)
  return { manifest, numDocuments, numTokens, lengths, at, documents, close }
}

function openShard(folder: string, { tokens, index }: ShardRecord, firstDocument: number): Shard {
  for (const { name, bytes } of [tokens, index]) {
    const found = statSync(join(folder, name), { throwIfNoEntry: false })?.size
    if (found === undefined)
      throw new RangeError(`openShards: ${join(folder, name)} is missing. Tokenise again: only this shard is made anew.`)
    if (found !== bytes) throw changed(join(folder, name), `it has ${found} bytes, not ${bytes}`)
  }
  const read = readIndex('openShards', join(folder, index.name))
  if (createHash('sha256').update(read.bytes).digest('hex') !== index.sha256) throw changed(join(folder, index.name))
  const { lengths, checksums } = read.index
  const starts = new Float64Array(lengths.length)
  for (let i = 1; i < lengths.length; i++) starts[i] = starts[i - 1]! + lengths[i - 1]!
  const path = join(folder, tokens.name)
  const verified = new Uint8Array(checksums.length)
  return { ...read.index, firstDocument, path, handle: openSync(path, 'r'), bytes: tokens.bytes, starts, verified }
}

/** One line that names the file and the way out. */
export const changed = (path: string, how = 'the checksum differs'): RangeError =>
  new RangeError(`${path} was changed after it was written: ${how}. Delete it and tokenise again: only this shard is made anew.`)

function readRange({ handle, path }: Shard, from: number, end: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(end - from)
  for (let at = 0; at < bytes.length; ) {
    const got = readSync(handle, bytes, at, bytes.length - at, from + at)
    if (got === 0) throw changed(path, 'it has become shorter')
    at += got
  }
  return bytes
}
