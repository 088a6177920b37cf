// Byte-level BPE and token shards (seq-packer), read in the recipe by Hugging Face's own JavaScript (npm `@huggingface/tokenizers`).
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { Tokenizer } from '@huggingface/tokenizers'
import { trainTokenizer as bpe, openShards, tokenizeToShards } from 'seq-packer/node'
import { progress } from './progress.ts'
import { type Run, writeWhole } from './run.ts'
import type { Text, TokenisedText } from './texts.ts'

/** Starts every document and ends every answer. */
export const endOfText = '<|endoftext|>'
export const endOfTextId = 0

/**
 * The JSON of a Hugging Face `tokenizer.json` with `vocabularySize` tokens: the end-of-text token, 256 bytes, then merges. Digits stand
 * alone, as SmolLM's do.
 */
export async function trainTokenizer(documents: readonly { readonly text: string }[], vocabularySize: number): Promise<unknown> {
  const bar = progress('making tokens', vocabularySize)
  const run = bpe(documents, { vocabularySize, specialTokens: [endOfText], pattern: 'smollm' })
  try {
    for (;;) {
      const { value, done } = await run.next()
      if (done) return JSON.parse(value)
      bar.update(value.tokens)
    }
  } finally {
    bar.stop()
  }
}

/** What `tokenize` made. */
export interface Tokens {
  /** Folder of the shards. */
  readonly folder: string
  readonly tokens: number
  /** Of each document. */
  readonly lengths: readonly number[]
}

/** Token shards of the texts, beside those of other texts and tokenizers; stopped, it goes on. */
export async function tokenize(texts: readonly Text[], tokenizer: unknown, { path }: Pick<Run, 'path'>): Promise<Tokens> {
  const json = JSON.stringify(tokenizer)
  const key = createHash('sha256').update(json)
  for (const { id, text } of texts) key.update(`\0${id}\0${text}`)
  const folder = path('tokens', key.digest('hex').slice(0, 16))
  writeWhole(`${folder}.json`, json)
  const bar = progress('encoding', texts.length)
  const run = tokenizeToShards({ documents: Readable.from(texts), tokenizer: `${folder}.json`, folder })
  for await (const { documents } of run) bar.update(documents)
  bar.stop()
  const shards = openShards(folder)
  shards.close()
  return { folder, tokens: shards.numTokens, lengths: Array.from(shards.lengths) }
}

/** The texts with their tokens, read from the shards. */
export function withTokens(texts: readonly Text[], { folder }: Tokens): TokenisedText[] {
  const shards = openShards(folder)
  const documents = texts.map((text, i) => ({ ...text, tokens: Int32Array.from(shards.at(i).tokens) }))
  shards.close()
  return documents
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
