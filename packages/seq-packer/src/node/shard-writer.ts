import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { FileRecord, ShardRecord } from './manifest.ts'
import { blockBytes, indexBytes } from './shard-index.ts'

const bufferBytes = 64 * blockBytes

export type TokenArray = Uint16Array | Uint32Array

export interface ShardWriter {
  readonly numTokens: () => number
  readonly add: (document: {
    readonly id: string
    readonly source: number
    readonly textHash: Uint8Array
    readonly tokens: TokenArray
  }) => void
  /** Gives the files their names, once they are on the disk. */
  readonly close: (records: number) => ShardRecord
  /** Leaves nothing behind. */
  readonly abandon: () => void
}

/** Writes one shard, piece by piece; until it is closed its files have names of their own. */
export function shardWriter(folder: string, number: number): ShardWriter {
  const [tokensName, indexName] = ['tokens', 'index'].map((kind) => `${kind}-${String(number).padStart(5, '0')}.bin`) as [string, string]
  const beside = join(folder, `${tokensName}.part`)
  const handle = openSync(beside, 'w')
  const hash = createHash('sha256')
  const documents = documentsHash()
  const buffer = Buffer.allocUnsafeSlow(bufferBytes)
  const lengths: number[] = []
  const sources: number[] = []
  const idEnds: number[] = []
  const ids: Buffer[] = []
  const checksums: number[] = []
  let [filled, bytes, numTokens, idBytes] = [0, 0, 0, 0]
  let isOpen = true

  const flush = (): void => {
    const block = buffer.subarray(0, filled)
    for (let from = 0; from < filled; from += blockBytes) checksums.push(crc32(block.subarray(from, from + blockBytes)))
    hash.update(block)
    writeAll(handle, block)
    bytes += filled
    filled = 0
  }
  return {
    numTokens: () => numTokens,
    add({ id, source, textHash, tokens }) {
      const raw = Buffer.from(tokens.buffer, tokens.byteOffset, tokens.byteLength)
      for (let from = 0; from < raw.length; ) {
        const copied = raw.copy(buffer, filled, from)
        filled += copied
        from += copied
        if (filled === bufferBytes) flush()
      }
      const name = Buffer.from(id)
      ids.push(name)
      idBytes += name.length
      idEnds.push(idBytes)
      lengths.push(tokens.length)
      sources.push(source)
      documents.add(id, source, textHash)
      numTokens += tokens.length
    },
    close(records) {
      flush()
      fsyncSync(handle)
      closeSync(handle)
      isOpen = false
      const [lengths32, sources32, idEnds32, checksums32] = [lengths, sources, idEnds, checksums].map((own) => Uint32Array.from(own))
      const index = indexBytes({
        lengths: lengths32!,
        sources: sources32!,
        idEnds: idEnds32!,
        checksums: checksums32!,
        ids: Buffer.concat(ids),
      })
      const record = writeFile(folder, indexName, index)
      renameSync(beside, join(folder, tokensName))
      return {
        tokens: { name: tokensName, bytes, sha256: hash.digest('hex') },
        index: record,
        numDocuments: lengths.length,
        numTokens,
        records,
        documents: documents.digest(),
      }
    },
    abandon() {
      if (isOpen) closeSync(handle)
      rmSync(beside, { force: true })
    },
  }
}

/** A whole file or none: written beside it, synced, then put into its place. */
export function writeFile(folder: string, name: string, content: Uint8Array): FileRecord {
  const beside = join(folder, `${name}.part`)
  const handle = openSync(beside, 'w')
  try {
    writeAll(handle, content)
    fsyncSync(handle)
  } catch (error) {
    closeSync(handle)
    rmSync(beside, { force: true })
    throw error
  }
  closeSync(handle)
  renameSync(beside, join(folder, name))
  return { name, bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') }
}

function writeAll(handle: number, bytes: Uint8Array): void {
  for (let from = 0; from < bytes.length; ) from += writeSync(handle, bytes, from)
}

/** Hash of what a shard is made of. */
export function documentsHash() {
  const hash = createHash('sha256')
  return {
    add(id: string, source: number, textHash: Uint8Array): void {
      hash.update(`${source} ${id}\0`).update(textHash)
    },
    digest: (): string => hash.digest('hex'),
  }
}
