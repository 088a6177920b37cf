export interface Proposal {
  readonly question: string
  readonly answer: string
}

/** Questions that can be asked about one sentence of a passage. */
export type Rule = (sentence: string, context: { readonly next: string | undefined; readonly passage: string }) => Proposal[]

/** Whole, of a readable length, and without quotation marks of its own, which a question that quotes it could not hold. */
export const isProse = (sentence: string): boolean => {
  const length = sentence.split(' ').length
  return length >= 6 && length <= 200 && /^\p{Lu}/u.test(sentence) && /[.!?]$/.test(sentence) && !/["“”<>]/.test(sentence)
}
