/** The parts of a `tokenizer.json` that decide where a text may be cut. */
export interface CutRules {
  readonly model?: { readonly type?: string; readonly dropout?: number | null }
  readonly normalizer?: { readonly type: string } | null
  readonly pre_tokenizer?: PreTokenizer | null
  readonly added_tokens?: readonly {
    readonly content: string
    readonly lstrip: boolean
    readonly rstrip: boolean
    readonly single_word: boolean
  }[]
}

interface PreTokenizer {
  readonly type: string
  readonly pretokenizers?: readonly PreTokenizer[]
  readonly add_prefix_space?: boolean
  readonly use_regex?: boolean
  readonly pattern?: { readonly Regex?: string }
  readonly behavior?: string
  readonly invert?: boolean
}

// of GPT-4 and Llama 3, Qwen 2, and of GPT-4o: no alternative goes from a letter or digit on to a space or a sign, except GPT-4o's to an
// apostrophe, or from anything on to a single space and what follows it; none looks back
const patterns = new Set([
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
])

/**
 * The characters before which a text may be cut where they follow a letter or digit of ASCII, as 128 flags: the tokens of the text are those
 * of its pieces (see `cutText`). True of byte-level BPE with the patterns of GPT-2, Llama 3, Qwen 2 and GPT-4o, each with or without digits
 * apart, and with NFC or no normalizer; undefined for all other tokenizers.
 */
export function cutsAfterWord({ model, normalizer, pre_tokenizer: first, added_tokens: added = [] }: CutRules): Uint8Array | undefined {
  const steps = first?.type === 'Sequence' ? (first.pretokenizers ?? []) : first ? [first] : []
  const isKnown =
    model?.type === 'BPE' &&
    !model.dropout &&
    (!normalizer || normalizer.type === 'NFC') && // ASCII neither composes with what precedes it nor is reordered
    steps.every((step) => step.type === 'Digits' || isByteLevel(step) || isKnownSplit(step)) &&
    steps.some((step) => isKnownSplit(step) || (isByteLevel(step) && step.use_regex !== false)) &&
    // a run of spaces is never cut, a word never
    added.every(({ content, lstrip, rstrip, single_word }) => /^(\S+|\s+)$/.test(content) && !lstrip && !rstrip && !single_word)
  if (!isKnown) return undefined
  const flags = Uint8Array.from({ length: 128 }, (_, code) => (/[!-/:-@[-`{-~ \n]/.test(String.fromCharCode(code)) ? 1 : 0))
  flags[39] = 0 // GPT-4o takes 's to the word
  // <|endoftext|> stays whole
  for (const { content } of added) for (const [, sign] of content.matchAll(/(?<=[0-9A-Za-z])([!-~])/g)) flags[sign!.charCodeAt(0)] = 0
  return flags
}

const isByteLevel = ({ type, add_prefix_space }: PreTokenizer): boolean => type === 'ByteLevel' && add_prefix_space === false
const isKnownSplit = ({ type, pattern, behavior, invert }: PreTokenizer): boolean =>
  type === 'Split' && behavior === 'Isolated' && !invert && patterns.has(pattern?.Regex ?? '')
