import { FUNCTION_WORDS } from '../extractive/words.ts'

// scripts without spaces between words are compared by character
const WORD =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]|(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}])[\p{L}\p{M}\p{N}])+/gu

const wordsOf = (text: string): string[] => text.toLowerCase().match(WORD) ?? []

/**
 * How much of an answer its source says: `|A ∩ T| / |A|`, `A` the distinct words of the answer without English function words, `T` those of the
 * texts. 1 for an answer of function words alone ("Yes."), which says nothing that could be looked up. Case is ignored, word forms are not.
 */
export function groundedness(answer: string, texts: readonly string[]): number {
  const telling = new Set(wordsOf(answer).filter((word) => !FUNCTION_WORDS.has(word)))
  if (telling.size === 0) return 1
  const there = new Set(texts.flatMap(wordsOf))
  return Array.from(telling).filter((word) => there.has(word)).length / telling.size
}
