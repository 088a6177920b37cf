import { fileBytes, isBroken } from './file-bytes.ts'
import { linesOf } from './lines.ts'
import { parquetRecords } from './parquet-records.ts'
import type { SourceFile } from './source-files.ts'

/** What is wrong, without its place. */
export interface Fault {
  readonly kind: 'empty' | 'duplicate' | 'encoding' | 'json' | 'field' | 'too-long' | 'compression' | 'parquet'
  /** What is wrong and the way out. */
  readonly what: string
  /** Where it is within a text file. */
  readonly line?: number
}

/** One line, row or file, as it lies on the disk. */
export interface Record {
  readonly file: SourceFile
  /** From 1. */
  readonly line: number
  /** A text in UTF-8, or a line of JSON in a JSONL file; undefined where there is a fault. */
  readonly bytes: Uint8Array | undefined
  readonly fault?: Fault
  /** From the column `idField`. */
  readonly id?: string
}

export interface RecordOptions {
  readonly field: string
  readonly idField: string | undefined
  readonly maxDocumentBytes: number
}

/** All records of a file; one that is too long and what cannot be decompressed are records with a fault. */
export async function* recordsOf(file: SourceFile, options: RecordOptions): AsyncGenerator<Record, void> {
  if (file.kind === 'parquet') return yield* parquetRecords(file, options)
  const { maxDocumentBytes } = options
  let line = 0
  try {
    const bytes = fileBytes(file)
    for await (const { bytes: own, length } of file.kind === 'jsonl' ? linesOf(bytes, maxDocumentBytes) : whole(bytes, maxDocumentBytes))
      yield { file, line: ++line, bytes: own, ...(own ? {} : { fault: tooLong(length, maxDocumentBytes) }) }
  } catch (error) {
    if (!(error instanceof Error && isBroken in error)) throw error
    const what = `the ${file.compression} is broken (${error.message}); what lies before was read. Get the file again.`
    yield { file, line: line + 1, bytes: undefined, fault: { kind: 'compression', what } }
  }
}

export const tooLong = (bytes: number, maxDocumentBytes: number): Fault => ({
  kind: 'too-long',
  what: `${bytes} bytes, beyond maxDocumentBytes ${maxDocumentBytes}. Cut it up, or allow more (a string holds 536870912).`,
})

async function* whole(chunks: AsyncIterable<Uint8Array>, maxBytes: number): ReturnType<typeof linesOf> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const chunk of chunks) {
    length += chunk.length
    if (length <= maxBytes) parts.push(chunk)
    else parts.length = 0
  }
  yield { bytes: length > maxBytes ? undefined : Buffer.concat(parts), length }
}
