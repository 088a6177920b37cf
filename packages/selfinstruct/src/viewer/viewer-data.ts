import type { Outcome, SourceDocument } from '../types.ts'

/** What the page holds, as JSON. */
export interface ViewerData {
  readonly title: string
  readonly outcomes: readonly Outcome[]
  readonly documents: Readonly<Record<string, Excerpts>>
}

/** Of a document as much as its outcomes need. */
export interface Excerpts {
  /** Of the whole text. */
  readonly length: number
  /** In order, apart from each other. */
  readonly pieces: readonly Piece[]
}

export interface Piece {
  readonly start: number
  readonly text: string
}

/** Characters that are shown before and after a chunk. */
export const CONTEXT = 400

/** Outcomes with the parts of their documents that they are about, each part once. Outcomes of documents that are not given have no text. */
export async function viewerData(
  title: string,
  outcomes: readonly Outcome[],
  documents: Iterable<SourceDocument> | AsyncIterable<SourceDocument>,
): Promise<ViewerData> {
  const byDocument = new Map<string, Outcome[]>()
  for (const outcome of outcomes) {
    const own = byDocument.get(outcome.documentId)
    if (own) own.push(outcome)
    else byDocument.set(outcome.documentId, [outcome])
  }
  const excerpts: [string, Excerpts][] = []
  for await (const { id, text } of documents) {
    const own = byDocument.get(id)
    if (own) excerpts.push([id, { length: text.length, pieces: piecesOf(text, own) }])
  }
  return { title, outcomes, documents: Object.fromEntries(excerpts) }
}

function piecesOf(text: string, outcomes: readonly Outcome[]): Piece[] {
  const ranges = outcomes
    .flatMap(({ chunks }) => chunks)
    .map(({ start, end }) => ({ start: Math.max(0, start - CONTEXT), end: Math.min(text.length, end + CONTEXT) }))
    .sort((a, b) => a.start - b.start)
  const joined: { start: number; end: number }[] = []
  for (const range of ranges) {
    const last = joined.at(-1)
    if (last && range.start <= last.end) last.end = Math.max(last.end, range.end)
    else joined.push(range)
  }
  return joined.map(({ start, end }) => ({ start, text: text.slice(start, end) }))
}
