import { closeSync, openSync, readSync } from 'node:fs'
import { type AsyncBuffer, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { type Fault, type Record, type RecordOptions, tooLong } from './records.ts'
import type { SourceFile } from './source-files.ts'

/** Rows of a Parquet file, one row group after the other in memory. */
export async function* parquetRecords(file: SourceFile, { field, idField, maxDocumentBytes }: RecordOptions): AsyncGenerator<Record, void> {
  let line = 0
  const faulty = (fault: Fault): Record => ({ file, line: line + 1, bytes: undefined, fault })
  const handle = openSync(file.path, 'r')
  try {
    const buffer = bufferOf(handle, file)
    const metadata = await parquetMetadataAsync(buffer)
    const names = parquetSchema(metadata).children.map(({ element }) => element.name)
    const columns = [field, ...(idField === undefined ? [] : [idField])]
    const missing = columns.find((name) => !names.includes(name))
    if (missing !== undefined)
      return yield faulty({ kind: 'field', what: `no column '${missing}'; it has ${names.join(', ')}. Name the one that holds the text.` })
    let rowStart = 0
    for (const { num_rows } of metadata.row_groups) {
      const rowEnd = rowStart + Number(num_rows)
      const parsers = { stringFromBytes: (bytes: Uint8Array) => bytes }
      for (const row of await parquetReadObjects({
        file: buffer,
        metadata,
        columns,
        rowStart,
        rowEnd,
        compressors,
        parsers,
        utf8: false,
      })) {
        line++
        const value: unknown = row[field]
        const id = idField === undefined ? {} : { id: textOrNumber(row[idField]) }
        if (!(value instanceof Uint8Array)) {
          const what = `'${field}' is ${String(value).slice(0, 40)}, no text. Name the column that holds the text.`
          yield { file, line, bytes: undefined, fault: { kind: 'field', what } }
        } else if (value.length > maxDocumentBytes) yield { file, line, bytes: undefined, fault: tooLong(value.length, maxDocumentBytes) }
        else yield { file, line, bytes: value, ...id }
      }
      rowStart = rowEnd
    }
  } catch (error) {
    yield faulty({ kind: 'parquet', what: `no readable Parquet (${error instanceof Error ? error.message : error}). Get the file again.` })
  } finally {
    closeSync(handle)
  }
}

const textOrNumber = (value: unknown): string => (value instanceof Uint8Array ? Buffer.from(value).toString() : String(value))

function bufferOf(handle: number, { bytes: byteLength, path }: SourceFile): AsyncBuffer {
  return {
    byteLength,
    slice(start, end = byteLength) {
      const bytes = new Uint8Array(end - start)
      for (let at = 0; at < bytes.length; ) {
        const got = readSync(handle, bytes, at, bytes.length - at, start + at)
        if (got === 0) throw new RangeError(`${path} ends early`)
        at += got
      }
      return bytes.buffer
    },
  }
}
