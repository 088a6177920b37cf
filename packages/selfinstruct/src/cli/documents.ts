import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { SourceDocument } from '../types.ts'

const ENDINGS = ['.txt', '.md', '.jsonl']

/** The files that paths name: themselves, or what folders hold with a known ending, sorted. */
export function filesOf(paths: readonly string[]): string[] {
  if (paths.length === 0) throw new RangeError('no documents are named; give .txt, .md or .jsonl files, or folders of these.')
  return paths.flatMap((path) => {
    if (!existsSync(path)) throw new RangeError(`${path} does not exist. Is the path right?`)
    if (!statSync(path).isDirectory()) return [path]
    const files = readdirSync(path, { recursive: true, encoding: 'utf8' })
      .filter((name) => ENDINGS.includes(extname(name)))
      .sort()
    if (files.length === 0)
      throw new RangeError(`${path} holds no ${ENDINGS.join(', ')} file; name the files, or give them one of these endings.`)
    return files.map((name) => join(path, name))
  })
}

/** Documents of files, one after the other: a text file is one, named by its path; of .jsonl every line is one, named by its id, or by file and line. */
export async function* documentsOf(
  files: readonly string[],
  limit = Number.POSITIVE_INFINITY,
): AsyncGenerator<SourceDocument, void, undefined> {
  let count = 0
  for (const file of files)
    for await (const document of file.endsWith('.jsonl') ? linesOf(file) : [{ id: file, text: textOf(file) }]) {
      if (count++ >= limit) return
      yield document
    }
}

async function* linesOf(file: string): AsyncGenerator<SourceDocument, void, undefined> {
  let number = 0
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    number++
    if (line.trim() === '') continue
    const { id = `${file}:${number}`, text } = parsed(line, `${file}:${number}`)
    if (typeof text !== 'string') throw new RangeError(`${file}:${number} has no "text"; every line is { "text": "…", "id"?: "…" }.`)
    yield { id: String(id), text }
  }
}

function parsed(line: string, where: string): { readonly id?: unknown; readonly text?: unknown } {
  try {
    return Object(JSON.parse(line))
  } catch {
    throw new RangeError(`${where} is no JSON: ${line.slice(0, 60)}. Every line is { "text": "…", "id"?: "…" }.`)
  }
}

function textOf(file: string): string {
  const bytes = readFileSync(file)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new RangeError(`${file} is not UTF-8 text; convert it first, for example with \`iconv -t utf-8\`, or leave it out.`)
  }
}
