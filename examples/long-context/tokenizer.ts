// Byte-level BPE: trained by Hugging Face's own trainer (npm `tokenizers`), read by its JavaScript twin (npm `@huggingface/tokenizers`).
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import * as trainer from 'tokenizers'

/** Starts every document and ends every answer. */
export const endOfText = '<|endoftext|>'
export const endOfTextId = 0

interface TokenizerJson {
  readonly model: { readonly merges: readonly (string | readonly [string, string])[] }
}

/**
 * The JSON of a Hugging Face `tokenizer.json` with `vocabularySize` tokens: the end-of-text token, 256 bytes, then merges.
 * The library trains 30,000 tokens and offers no smaller size in Node; BPE training is greedy, so the first k merges of a larger
 * vocabulary are exactly the merges of the smaller one, and the rest is cut off here. Digits stand alone.
 */
export function trainTokenizer(texts: readonly string[], vocabularySize: number): unknown {
  const folder = mkdtempSync(join(tmpdir(), 'bpe-'))
  try {
    writeFileSync(join(folder, 'texts.txt'), texts.join('\n'))
    const bpe = new trainer.Tokenizer(trainer.BPE.empty())
    bpe.setPreTokenizer(trainer.sequencePreTokenizer([trainer.digitsPreTokenizer(true), trainer.byteLevelPreTokenizer(false, true)]))
    bpe.train([join(folder, 'texts.txt')])
    bpe.save(join(folder, 'tokenizer.json'))
    return cut(JSON.parse(readFileSync(join(folder, 'tokenizer.json'), 'utf8')), vocabularySize)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function cut(full: TokenizerJson, vocabularySize: number): unknown {
  const vocab = new Map([endOfText, ...trainer.byteLevelAlphabet().sort()].map((token, id) => [token, id]))
  const merges: (readonly string[])[] = []
  for (const merge of full.model.merges) {
    if (vocab.size >= vocabularySize) break
    const pair = typeof merge === 'string' ? merge.split(' ') : merge
    merges.push(pair)
    const token = pair.join('')
    if (!vocab.has(token)) vocab.set(token, vocab.size)
  }
  if (vocab.size < vocabularySize) {
    throw new Error(`--vocabulary-size ${vocabularySize}: the texts give only ${vocab.size} tokens; choose at most that, or add texts`)
  }
  const special = {
    id: endOfTextId,
    content: endOfText,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }
  const decoder = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
  return { ...full, added_tokens: [special], decoder, model: { ...full.model, vocab: Object.fromEntries(vocab), merges } }
}

export interface TextTokenizer {
  encode(text: string): number[]
  decode(tokens: ArrayLike<number>): string
}

/** Encoder and decoder of a `tokenizer.json`. */
export function loadTokenizer(json: unknown): TextTokenizer {
  const tokenizer = new Tokenizer(json as object, {})
  return {
    encode: (text) => tokenizer.encode(text, { add_special_tokens: false }).ids,
    decode: (tokens) =>
      tokens.length === 0 ? '' : tokenizer.decode(Array.from(tokens), { skip_special_tokens: true, clean_up_tokenization_spaces: false }),
  }
}

/** The tokenizer's files for a model folder, as Hugging Face tools read them. */
export const tokenizerFiles = (json: unknown): Record<string, string> => ({
  'tokenizer.json': JSON.stringify(json),
  'tokenizer_config.json': JSON.stringify(
    {
      tokenizer_class: 'PreTrainedTokenizerFast',
      bos_token: endOfText,
      eos_token: endOfText,
      pad_token: endOfText,
      clean_up_tokenization_spaces: false,
    },
    null,
    2,
  ),
})
