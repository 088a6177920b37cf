import { createHash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const manifestFile = 'manifest.json'
const format = 'seq-packer shards 1'

export interface FileRecord {
  readonly name: string
  readonly bytes: number
  readonly sha256: string
}

/** One shard: a file of tokens, document after document without gaps, and its index. */
export interface ShardRecord {
  /** Little endian, as `dtype` says: `numpy.fromfile(path, '<u2')` reads it. */
  readonly tokens: FileRecord
  readonly index: FileRecord
  readonly numDocuments: number
  readonly numTokens: number
  /** Lines, rows and files read from the sources until here, with those left out. */
  readonly records: number
  /** Hash of ids, sources and texts: what the shard was made of. */
  readonly documents: string
}

/** What decides about every token and every border of a shard. */
export interface ShardSettings {
  /** Of the bytes of `tokenizer.json`. */
  readonly tokenizer: string
  readonly vocabularySize: number
  readonly addSpecialTokens: boolean
  readonly endToken: string | null
  readonly shardTokens: number
}

/** Content of `manifest.json`, written anew after every shard. */
export interface Manifest extends ShardSettings {
  readonly format: typeof format
  readonly dtype: 'uint16' | 'uint32'
  /** Names; the index of a shard counts into them. */
  readonly sources: readonly string[]
  readonly shards: readonly ShardRecord[]
  /** The sources were read to their end. */
  readonly complete: boolean
}

export const emptyManifest = (settings: ShardSettings): Manifest => ({
  format,
  ...settings,
  dtype: settings.vocabularySize > 2 ** 16 ? 'uint32' : 'uint16',
  sources: [],
  shards: [],
  complete: false,
})

/** @throws RangeError when the manifest is not there, broken or of another format. */
export function readManifest(who: string, folder: string): Manifest {
  const file = join(folder, manifestFile)
  let manifest: Manifest
  try {
    manifest = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new RangeError(
      `${who}: ${file} cannot be read (${error instanceof Error ? error.message : error}). Name a folder that \`seq-packer tokenize\` has written.`,
    )
  }
  if (manifest?.format !== format)
    throw new RangeError(`${who}: ${file} has format '${manifest?.format}'; this version reads '${format}'. Tokenise the texts again.`)
  return manifest
}

/** @throws RangeError when the shards in the folder were made otherwise than is wanted now. */
export function checkSettings(folder: string, manifest: Manifest, wanted: ShardSettings): void {
  for (const [name, value] of Object.entries(wanted)) {
    const made = new Map<string, unknown>(Object.entries(manifest)).get(name)
    if (made === value) continue
    const [before, now] = [made, value].map((own) => (typeof own === 'string' && own.length === 64 ? `${own.slice(0, 12)}…` : String(own)))
    throw new RangeError(
      `tokenizeToShards: ${join(folder, manifestFile)} was made with ${name} ${before}, here it is ${now}. Use the same, or write into another folder.`,
    )
  }
}

export function sha256Of(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const hash = createHash('sha256')
    createReadStream(path, { highWaterMark: 2 ** 20 })
      .on('data', (chunk) => hash.update(chunk))
      .on('error', reject)
      .on('end', () => resolve(hash.digest('hex')))
  })
}
