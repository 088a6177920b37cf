import { checkCount } from '../../check.ts'
import { byteAlphabet } from './byte-alphabet.ts'
import { merges } from './merges.ts'
import { preTokenizerOf, splitWords, type WordPattern } from './split-words.ts'

export interface TrainOptions {
  /** Tokens of the vocabulary, special ones and the 256 bytes included. */
  readonly vocabularySize: number
  /** They have the first ids, in this order. Default ['<|endoftext|>']. */
  readonly specialTokens?: readonly string[]
  /** Default 'llama-3'. */
  readonly pattern?: WordPattern
}

/** Where the training stands: first all texts are read, then tokens are made. */
export interface TrainProgress {
  readonly documents: number
  /** Of the texts, in UTF-8. */
  readonly bytes: number
  /** Of the vocabulary so far. */
  readonly tokens: number
}

const reportEvery = 2 ** 20

/**
 * Trains byte-level BPE; reports as it goes, and returns the content of a `tokenizer.json`, which the libraries of Hugging Face load. The
 * vocabulary is that of `BpeTrainer` in Python's `tokenizers` on the same texts. Holds every distinct word with its count, not the texts:
 * about 100 MB of them are enough for a good vocabulary.
 * @throws RangeError for a vocabulary that cannot hold the bytes, and for texts that give fewer tokens than are wanted.
 * @see Sennrich et al. _Neural Machine Translation of Rare Words with Subword Units_, 2016.
 */
export async function* trainTokenizer(
  documents: AsyncIterable<{ readonly text: string }> | Iterable<{ readonly text: string }>,
  { vocabularySize, specialTokens = ['<|endoftext|>'], pattern = 'llama-3' }: TrainOptions,
): AsyncGenerator<TrainProgress, string> {
  checkCount('trainTokenizer: vocabularySize', vocabularySize, 256 + specialTokens.length)
  if (new Set(specialTokens).size < specialTokens.length || specialTokens.includes(''))
    throw new RangeError(`trainTokenizer: specialTokens are ${JSON.stringify(specialTokens)}; they must differ, and none be empty.`)
  const alphabet = byteAlphabet()
  const names = [...specialTokens, ...alphabet.toSorted()]
  const progress = { documents: 0, bytes: 0, tokens: names.length }

  const words = new Map<string, number>()
  let reported = 0
  for await (const { text } of documents) {
    for (const word of splitWords(text, pattern)) words.set(word, (words.get(word) ?? 0) + 1)
    progress.documents++
    progress.bytes += Buffer.byteLength(text)
    if (progress.bytes - reported < reportEvery) continue
    reported = progress.bytes
    yield { ...progress }
  }

  const ids = new Map(names.map((name, id) => [name, id]))
  const name = (left: number, right: number): number => {
    const own = names[left]! + names[right]!
    const id = ids.get(own) ?? names.length // two ways can lead to one token
    if (id === names.length) names.push(own)
    ids.set(own, id)
    return id
  }
  const pairs: [string, string][] = []
  const steps =
    names.length < vocabularySize
      ? merges(
          words,
          alphabet.map((own) => ids.get(own)!),
          name,
        )
      : []
  for (const { left, right } of steps) {
    pairs.push([names[left]!, names[right]!])
    if (pairs.length % 256 === 0) yield { ...progress, tokens: names.length }
    if (names.length === vocabularySize) break
  }
  if (names.length < vocabularySize)
    throw new RangeError(
      `trainTokenizer: the texts give ${names.length} tokens, not ${vocabularySize}. Give more texts, or choose a smaller vocabularySize.`,
    )
  return `${JSON.stringify(tokenizerOf(names, pairs, specialTokens, pattern), null, 1)}\n`
}

function tokenizerOf(
  names: readonly string[],
  pairs: readonly (readonly [string, string])[],
  specialTokens: readonly string[],
  pattern: WordPattern,
): object {
  const added = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, id) => ({ id, content, ...added })),
    normalizer: null,
    pre_tokenizer: preTokenizerOf(pattern),
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(names.map((name, id) => [name, id])),
      merges: pairs,
    },
  }
}
