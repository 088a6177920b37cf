/** How a text is cut into words before pairs of bytes are merged. */
interface PreTokenizer {
  /** llama.cpp's; the first is the one written. */
  readonly names: readonly string[]
  /** As in a tokenizer.json. */
  readonly preTokenizer: object
  readonly normalizer: object | null
  readonly ignoreMerges: boolean
}

const byteLevel = (use_regex: boolean) => ({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex })
const sequence = (...pretokenizers: object[]) => ({ type: 'Sequence', pretokenizers })
const split = (Regex: string) =>
  sequence({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false }, { ...byteLevel(false), trim_offsets: false })
const words = (digits: string) =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`

/** @see llama.cpp, src/llama-vocab.cpp, `llm_tokenizer_bpe` */
export const preTokenizers: readonly PreTokenizer[] = [
  { names: ['llama-bpe', 'llama3', 'llama-v3'], preTokenizer: split(words('\\p{N}{1,3}')), normalizer: null, ignoreMerges: true },
  { names: ['qwen2', 'deepseek-r1-qwen'], preTokenizer: split(words('\\p{N}')), normalizer: { type: 'NFC' }, ignoreMerges: false },
  {
    names: ['smollm', 'starcoder', 'refact', 'command-r'],
    preTokenizer: sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)),
    normalizer: null,
    ignoreMerges: false,
  },
  { names: ['gpt-2', 'phi-2', 'jina-es', 'olmo'], preTokenizer: byteLevel(true), normalizer: null, ignoreMerges: false },
]
