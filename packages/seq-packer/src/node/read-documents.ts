import { checkCount } from '../check.ts'
import { type Fault, type Record, recordsOf } from './records.ts'
import { hashOf, seenTexts } from './seen-texts.ts'
import { sourceFiles } from './source-files.ts'
import type { Problem, ReadOptions, TextDocument } from './text-document.ts'
import { textOf } from './text-of.ts'

/**
 * The documents of files and folders, streamed: a .txt or .md file is one, every line of a .jsonl file (each also with .gz or .zst) and
 * every row of a .parquet file is one. Folders are read with all below them, in the order of their names.
 * Holds a document, a chunk of its file, and 23 to 46 bytes for every text seen; of Parquet, the text of a row group.
 * What cannot be used (empty, seen before, not UTF-8, not JSON, no text in the field, too long, half a gzip) goes to `onProblem`.
 * @throws RangeError for a path that cannot be read, before anything is; and, without `onProblem`, for the first problem.
 */
export async function* readDocuments(paths: string | readonly string[], options: ReadOptions = {}): AsyncGenerator<TextDocument, void> {
  const { source, field = 'text', idField, split, maxDocumentBytes, onProblem } = checkRead('readDocuments', options)
  const files = sourceFiles('readDocuments', [paths].flat(), source, split)
  const report = onProblem ?? failing('readDocuments')
  const seen = seenTexts()
  for (const [number, file] of files.entries())
    for await (const record of recordsOf(file, { field, idField, maxDocumentBytes })) {
      const { bytes, line } = record
      const found = bytes ? textOf(bytes, file.kind === 'jsonl', field, idField) : { fault: record.fault! }
      if (found.fault) {
        report(problemOf(record, found.fault))
        continue
      }
      const before = seen(hashOf(found.text), number, line)
      if (before) report(problemOf(record, duplicateOf(files[before.file]!.path, before.line)))
      else yield { id: record.id ?? found.id ?? idOf(record), source: file.source, text: found.text, file: file.path, line }
    }
}

export function checkRead(who: string, options: ReadOptions) {
  const { maxDocumentBytes = 2 ** 27 } = options
  checkCount(`${who}: maxDocumentBytes`, maxDocumentBytes)
  if (maxDocumentBytes > 2 ** 29)
    throw new RangeError(`${who}: maxDocumentBytes is ${maxDocumentBytes}; a string holds at most 536870912 bytes.`)
  return { ...options, maxDocumentBytes }
}

export const failing =
  (who: string) =>
  ({ message }: Problem): never => {
    throw new RangeError(`${who}: ${message}`)
  }

export const idOf = ({ file, line }: Pick<Record, 'file' | 'line'>): string => (file.kind === 'text' ? file.name : `${file.name}:${line}`)

export const duplicateOf = (path: string, line: number): Fault => ({
  kind: 'duplicate',
  what: `the same text as ${path}:${line}. Leave one of them out.`,
})

export function problemOf({ file, line: own }: Pick<Record, 'file' | 'line'>, { kind, what, line = own }: Fault): Problem {
  return { kind, file: file.path, line, message: `${file.path}:${line}: ${what}` }
}
