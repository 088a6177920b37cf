import { FUNCTION_WORDS } from '../extractive/words.ts'

// scripts without spaces between words are compared by character
const UNSPACED =
  '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}'
const HAS_UNSPACED = new RegExp(`[${UNSPACED}]`, 'u')
const ANY_WORD = new RegExp(`[${UNSPACED}]|(?:(?![${UNSPACED}])[\\p{L}\\p{M}\\p{N}])+`, 'gu')
const SPACED_WORD = /[\p{L}\p{M}\p{N}]+/gu

const wordsOf = (text: string): string[] => text.toLowerCase().match(HAS_UNSPACED.test(text) ? ANY_WORD : SPACED_WORD) ?? []

/** Distinct words without English function words. */
const tellingWords = (text: string): Set<string> => new Set(wordsOf(text).filter((word) => !FUNCTION_WORDS.has(word)))

/**
 * How much of an answer its source says: `|A ∩ T| / |A|`, `A` the distinct words of the answer without English function words, `T` those of the
 * texts. 1 for an answer of function words alone ("Yes."), which says nothing that could be looked up. Case is ignored, word forms are not.
 */
export function groundedness(answer: string, texts: readonly string[]): number {
  const telling = tellingWords(answer)
  if (telling.size === 0) return 1
  const there = new Set(texts.flatMap(wordsOf))
  return Array.from(telling).filter((word) => there.has(word)).length / telling.size
}

/**
 * Whether an answer only repeats its question: the same words, or `A ⊆ Q` and `|A| ≥ |Q| / 2`, `A` and `Q` the distinct words of both without English function words. A choice
 * between things that the question names is none.
 */
export function isCircular(question: string, answer: string): boolean {
  if (wordsOf(question).join(' ') === wordsOf(answer).join(' ')) return true
  const [asked, answered] = [tellingWords(question), tellingWords(answer)]
  return answered.size > 0 && answered.size >= asked.size / 2 && Array.from(answered).every((word) => asked.has(word))
}
