import { type LlamaConfig, llamaConfig } from 'llama-model'
import { makeTokenizer, type TextModel, type TokenizerFiles } from 'llama-model/chat'
import { makeParams } from './support.ts'

/** How byte-level vocabularies spell the 256 bytes. */
const bytes = (() => {
  const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173)
  let others = 0
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : 256 + others++))
})()
const special = ['<|end|>', '<|user|>', '<|assistant|>']
const merges = ['t h', 'th e', 'Ġ the', 'i n', 'Ã ©']

/** A tokenizer of bytes with a few merges, as a model would ship it. Ids 0–255 are bytes, then merges, then special tokens. */
export const tokenizerFiles: TokenizerFiles = (() => {
  const pieces = [...bytes, ...merges.map((merge) => merge.replace(' ', '')), ...special]
  const addedTokens = special.map((content, i) => ({
    id: pieces.length - special.length + i,
    content,
    special: true,
    ...{ single_word: false, lstrip: false, rstrip: false, normalized: false },
  }))
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
  return {
    'tokenizer.json': JSON.stringify({
      version: '1.0',
      added_tokens: addedTokens,
      normalizer: null,
      pre_tokenizer: byteLevel,
      post_processor: null,
      decoder: byteLevel,
      model: { type: 'BPE', vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])), merges },
    }),
    'tokenizer_config.json': JSON.stringify({
      eos_token: { content: '<|end|>' },
      chat_template:
        "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + eos_token }}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}",
    }),
  }
})()

export const textConfig: LlamaConfig = {
  ...llamaConfig('tiny'),
  ...{ numLayers: 1, hiddenSize: 8, intermediateSize: 8, numHeads: 2, numKvHeads: 1, headDim: 4, rope: { headDim: 4 } }, // quick
  vocabSize: 256 + merges.length + special.length,
}

/** A model of random weights over that tokenizer; the caller disposes its params. */
export const makeTextModel = (): TextModel => ({
  params: makeParams(textConfig, 5),
  config: textConfig,
  tokenizer: makeTokenizer(tokenizerFiles),
})
