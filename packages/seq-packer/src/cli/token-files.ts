import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import { type AsyncBuffer, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet'
import { manifestFile } from '../node/manifest.ts'
import { openShards } from '../node/open-shards.ts'
import type { Document, Stored } from '../types.ts'

/** Documents of one source on disk. */
export interface TokenSource extends Stored<Document> {
  /** Scores by `qualityField`, where one was asked for. */
  readonly quality: ArrayLike<number> | undefined
}

const block = 2 ** 20

/**
 * Tokenised documents: a folder of shards that `tokenize` made; or a file or all files in a folder: .jsonl, each line `{ "input_ids": [...], "id"?: "…" }`, or .parquet with a
 * column `input_ids`. Of JSONL only lengths and places are held.
 * @throws Error with file and line for what is no document.
 */
export async function openTokens(source: string, path: string, qualityField?: string): Promise<TokenSource> {
  if (existsSync(join(path, manifestFile))) return openFolderOfShards(source, path, qualityField)
  const parts: TokenSource[] = []
  for (const file of filesOf(path))
    parts.push(file.endsWith('.jsonl') ? openLines(source, file, qualityField) : await openParquet(source, file, qualityField))
  const total = parts.reduce((sum, { lengths }) => sum + lengths.length, 0)
  if (total === 0) throw new RangeError(`${path}: there are no documents. Name another file, or leave it out.`)
  if (parts.length === 1) return parts[0]!
  const lengths = new Uint32Array(total)
  const ends: number[] = []
  for (const part of parts) {
    lengths.set(Uint32Array.from(part.lengths), ends.at(-1) ?? 0)
    ends.push((ends.at(-1) ?? 0) + part.lengths.length)
  }
  return {
    lengths,
    at(index) {
      const part = ends.findIndex((end) => index < end)
      return parts[part]!.at(index - (ends[part - 1] ?? 0))
    },
    quality: qualityField === undefined ? undefined : parts.flatMap(({ quality }) => Array.from(quality!)),
  }
}

function openFolderOfShards(source: string, path: string, qualityField: string | undefined): TokenSource {
  if (qualityField !== undefined)
    throw new RangeError(`${path} has no '${qualityField}': shards hold tokens only. Give JSONL or Parquet with input_ids and the score.`)
  const { lengths, at } = openShards(path)
  return { lengths, at: (index) => ({ ...at(index), source }), quality: undefined }
}

function filesOf(path: string): string[] {
  if (!existsSync(path)) throw new RangeError(`${path} does not exist. Is the path right?`)
  if (!statSync(path).isDirectory()) return [path]
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => ['.jsonl', '.parquet'].includes(extname(name)))
    .sort()
  if (files.length === 0) throw new RangeError(`${path} holds no .jsonl or .parquet file. Tokenise the texts first: seq-packer tokenize.`)
  return files.map((name) => join(path, name))
}

function openLines(source: string, file: string, qualityField: string | undefined): TokenSource {
  const handle = openSync(file, 'r')
  const starts: number[] = []
  const ends: number[] = []
  const lengths: number[] = []
  const quality: number[] = []
  const read = (from: number, end: number): Buffer => {
    const bytes = Buffer.allocUnsafe(end - from)
    for (let at = 0; at < bytes.length; ) {
      const got = readSync(handle, bytes, at, bytes.length - at, from + at)
      if (got === 0) throw new RangeError(`${file} has become shorter while it was read. Do not write to it meanwhile.`)
      at += got
    }
    return bytes
  }
  const add = (from: number, end: number): void => {
    const line = starts.length + 1
    const value = parseLine(`${file}:${line}`, read(from, end))
    starts.push(from)
    ends.push(end)
    lengths.push(value.tokens.length)
    if (qualityField === undefined) return
    const score = value.fields.get(qualityField)
    if (typeof score !== 'number') throw new RangeError(`${file}:${line} has no number '${qualityField}'; give every document a score.`)
    quality.push(score)
  }
  try {
    const size = statSync(file).size
    let begin = 0
    const buffer = Buffer.allocUnsafe(block)
    for (let from = 0, got = 1; from < size && got > 0; from += got) {
      got = readSync(handle, buffer, 0, Math.min(block, size - from), from)
      for (let end = buffer.indexOf(10); end >= 0 && end < got; end = buffer.indexOf(10, end + 1)) {
        add(begin, from + end)
        begin = from + end + 1
      }
    }
    if (begin < size) add(begin, size)
  } catch (error) {
    closeSync(handle)
    throw error
  }
  const name = basename(file, '.jsonl')
  const at = (index: number): Document => {
    const { tokens, fields } = parseLine(`${file}:${index + 1}`, read(starts[index]!, ends[index]!))
    const id = fields.get('id')
    return { id: typeof id === 'string' ? id : `${name}:${index + 1}`, source, tokens }
  }
  return { lengths: Uint32Array.from(lengths), at, quality: qualityField === undefined ? undefined : quality }
}

function parseLine(where: string, bytes: Buffer): { readonly tokens: readonly number[]; readonly fields: ReadonlyMap<string, unknown> } {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw new RangeError(`${where} is no JSON (${error instanceof Error ? error.message : error}). Every line is one object.`)
  }
  const fields = new Map(typeof value === 'object' && value !== null ? Object.entries(value) : [])
  const tokens: unknown = fields.get('input_ids')
  if (!Array.isArray(tokens))
    throw new RangeError(`${where} has no list 'input_ids', but ${[...fields.keys()].join(', ') || 'nothing'}. Tokenise the texts first.`)
  if (tokens.length === 0) throw new RangeError(`${where} has no tokens. Leave out empty documents.`)
  return { tokens, fields }
}

/** The whole column is held, four bytes a token. */
async function openParquet(source: string, file: string, qualityField: string | undefined): Promise<TokenSource> {
  const bytes = fileBuffer(file)
  const metadata = await parquetMetadataAsync(bytes)
  const names = parquetSchema(metadata).children.map(({ element }) => element.name)
  for (const name of ['input_ids', ...(qualityField === undefined ? [] : [qualityField])])
    if (!names.includes(name)) throw new RangeError(`${file} has no column '${name}', but ${names.join(', ')}. Tokenise the texts first.`)
  const columns = ['input_ids', ...(qualityField === undefined ? [] : [qualityField])]
  const documents: Int32Array[] = []
  const quality: number[] = []
  let rowStart = 0
  for (const { num_rows } of metadata.row_groups) {
    const rowEnd = rowStart + Number(num_rows)
    for (const row of await parquetReadObjects({ file: bytes, metadata, columns, rowStart, rowEnd })) {
      documents.push(Int32Array.from(row.input_ids, Number))
      if (qualityField !== undefined) quality.push(Number(row[qualityField]))
    }
    rowStart = rowEnd
  }
  const name = basename(file, '.parquet')
  return {
    lengths: Uint32Array.from(documents, ({ length }) => length),
    at: (index) => ({ id: `${name}:${index}`, source, tokens: documents[index]! }),
    quality: qualityField === undefined ? undefined : quality,
  }
}

/** A file for hyparquet, read where it asks. */
export function fileBuffer(path: string): AsyncBuffer {
  const { size: byteLength } = statSync(path)
  return {
    byteLength,
    slice(start, end = byteLength) {
      const handle = openSync(path, 'r')
      try {
        const bytes = new Uint8Array(end - start)
        readSync(handle, bytes, 0, bytes.length, start)
        return bytes.buffer
      } finally {
        closeSync(handle)
      }
    },
  }
}
