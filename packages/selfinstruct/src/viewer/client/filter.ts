import type { Outcome } from '../../types.ts'

/** What a reader wants to see; an empty string is everything. */
export interface Filter {
  /** 'pair', or a reason. */
  readonly result: string
  readonly kind: string
  /** Part of a document's id. */
  readonly document: string
  /** Words that all have to stand in question, answer, detail or reply. */
  readonly search: string
}

/** An outcome and what is searched in it. */
export interface Entry {
  readonly outcome: Outcome
  readonly text: string
}

export const resultOf = (outcome: Outcome): string => (outcome.kind === 'pair' ? 'pair' : outcome.reason)

export function entryOf(outcome: Outcome): Entry {
  const { question = '', answer = '' } = outcome
  const more = outcome.kind === 'pair' ? [outcome.critique, outcome.closedBookAnswer] : [outcome.detail, outcome.reply]
  return { outcome, text: [question, answer, outcome.documentId, ...more].join('\n').toLowerCase() }
}

export function matching(entries: readonly Entry[], { result, kind, document, search }: Filter): Outcome[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  const part = document.toLowerCase()
  return entries
    .filter(
      ({ outcome, text }) =>
        (result === '' || resultOf(outcome) === result) &&
        (kind === '' || outcome.promptKind === kind) &&
        outcome.documentId.toLowerCase().includes(part) &&
        words.every((word) => text.includes(word)),
    )
    .map(({ outcome }) => outcome)
}
