/**
 * How texts are split before merging: as GPT-2 does; SmolLM, where besides every digit stands alone; or Llama 3, which takes a sign to the
 * word it stands before, and digits by three.
 */
export type WordPattern = (typeof wordPatterns)[number]
export const wordPatterns = ['llama-3', 'gpt-2', 'smollm'] as const

// \s of Oniguruma, with which the library splits, has U+0085 and not U+FEFF; that of JavaScript the other way round
const space = '\\p{White_Space}'
const gpt2 = new RegExp(
  `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^${space}\\p{L}\\p{N}]+|${space}+(?!\\P{White_Space})|${space}+`,
  'gu',
)
const llama3 = new RegExp(
  `'(?:[sSſ]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}` +
    `| ?[^${space}\\p{L}\\p{N}]+[\\r\\n]*|${space}*[\\r\\n]+|${space}+(?!\\P{White_Space})|${space}+`,
  'gu',
)

/** The words of a text, spaces before them included; joined they are the text. */
export function splitWords(text: string, pattern: WordPattern): readonly string[] {
  if (pattern === 'smollm') return text.split(/(\p{N})/u).flatMap((part) => part.match(gpt2) ?? [])
  return text.match(pattern === 'gpt-2' ? gpt2 : llama3) ?? []
}

/** The same for `tokenizer.json`. */
export function preTokenizerOf(pattern: WordPattern): object {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: pattern !== 'llama-3' }
  if (pattern === 'gpt-2') return byteLevel
  if (pattern === 'smollm') return { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, byteLevel] }
  const regex =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
  return {
    type: 'Sequence',
    pretokenizers: [{ type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false }, byteLevel],
  }
}
