import { rougeTokens } from './rouge-tokens.ts'

/**
 * The first sentence of a text, leading white space aside: its shortest beginning of at least 20 characters that ends in `.`, `!` or `?`,
 * closing quotes and brackets included, before white space or the end. Undefined if there is none, or if it holds no word of a–z and 0–9
 * that ROUGE could compare. Twenty characters keep "Mr." and "I." from being sentences. (`Intl.Segmenter` would cut "Mr. Speaker" in two
 * and follows the Unicode version of the machine; a score must not.)
 */
export function firstSentence(text: string): string | undefined {
  const sentence = text.trimStart().match(/^.{19,}?[.!?]["'”’)\]]*(?=\s|$)/su)?.[0]
  return sentence !== undefined && rougeTokens(sentence, {}).length > 0 ? sentence : undefined
}
