import type { Complete, PromptKind, SourceDocument } from './types.ts'

export interface SelfInstructOptions {
  /** Read one after another and never all at once; text of any length, ids unique. */
  readonly documents: Iterable<SourceDocument> | AsyncIterable<SourceDocument>
  readonly complete: Complete
  /** Prompt kinds, drawn with equal probability for each pair; default both. */
  readonly kinds?: readonly PromptKind[]
  /** Pairs asked for per document, each about a chunk of its own; default 1. */
  readonly pairsPerDocument?: number
  /** Size of a chunk in characters (UTF-16 units): the largest, or a range to draw from; default 4000, about a thousand tokens of English. */
  readonly chunkCharacters?: number | { readonly min: number; readonly max: number }
  /** Decides chunks and prompt kinds, and is passed on to `complete` in another form for each call; default 0. */
  readonly seed?: number
  /** Whether the model has to approve its own answer; default true. */
  readonly critique?: boolean
  /** Documents' pairs in the making at the same time; default 4. Changes neither the outcomes nor their order. */
  readonly concurrency?: number
  /** How many more times to ask, with another seed, when tags cannot be parsed; default 1. */
  readonly retries?: number
  /** Longest answers in words, beyond which a pair is 'too-long'; default 200 and 16. */
  readonly maxAnswerWords?: Readonly<Record<PromptKind, number>>
  /** Near-duplicates: ROUGE-L of two questions beyond `threshold`, within a document or over all; default 0.7 over all. A threshold of 1 keeps everything. */
  readonly duplicates?: { readonly threshold: number; readonly within: 'document' | 'all' }
  /** Failed calls in a row after which the run throws; default 5. */
  readonly maxConsecutiveErrors?: number
  readonly signal?: AbortSignal | undefined
}

export type Settings = Required<Omit<SelfInstructOptions, 'chunkCharacters' | 'signal'>> & {
  readonly chunkCharacters: { readonly min: number; readonly max: number }
  readonly signal: AbortSignal | undefined
}

const KINDS: readonly PromptKind[] = ['normal', 'short']

/** The options with their defaults, or an error for those that cannot work. */
export function settingsOf({
  documents,
  complete,
  kinds = KINDS,
  pairsPerDocument = 1,
  chunkCharacters = 4000,
  seed = 0,
  critique = true,
  concurrency = 4,
  retries = 1,
  maxAnswerWords = { normal: 200, short: 16 },
  duplicates = { threshold: 0.7, within: 'all' },
  maxConsecutiveErrors = 5,
  signal,
}: SelfInstructOptions): Settings {
  if (!(Symbol.asyncIterator in Object(documents) || Symbol.iterator in Object(documents)) || typeof documents === 'string')
    throw new TypeError('selfInstruct: documents is no iterable; pass an array or a (called) generator of { id, text }.')
  if (typeof complete !== 'function')
    throw new TypeError(
      `selfInstruct: complete is ${String(complete)}; it must be a function (messages, options) → Promise of a text. ` +
        "Make one by openAICompatible of 'selfinstruct/openai', or pass extractiveComplete() to run without a model.",
    )
  if (kinds.length === 0 || new Set(kinds).size < kinds.length || kinds.some((kind) => !KINDS.includes(kind)))
    throw new RangeError(`selfInstruct: kinds is ${JSON.stringify(kinds)}; name 'normal', 'short' or both, once each.`)
  const range = typeof chunkCharacters === 'number' ? { min: chunkCharacters, max: chunkCharacters } : chunkCharacters
  checkWhole('chunkCharacters (min)', range.min, 1)
  checkWhole('chunkCharacters (max)', range.max, range.min)
  checkWhole('pairsPerDocument', pairsPerDocument, 1)
  checkWhole('concurrency', concurrency, 1)
  checkWhole('retries', retries, 0)
  checkWhole('maxConsecutiveErrors', maxConsecutiveErrors, 1)
  for (const kind of kinds) checkWhole(`maxAnswerWords.${kind}`, maxAnswerWords[kind], 1)
  if (!Number.isSafeInteger(seed)) throw new RangeError(`selfInstruct: seed is ${seed}; it must be a whole number.`)
  if (!(duplicates.threshold >= 0 && duplicates.threshold <= 1))
    throw new RangeError(`selfInstruct: duplicates.threshold is ${duplicates.threshold}; it must lie in [0, 1]. Self-Instruct uses 0.7.`)
  if (duplicates.within !== 'document' && duplicates.within !== 'all')
    throw new RangeError(`selfInstruct: duplicates.within is '${duplicates.within}'; choose 'document' or 'all'.`)
  return {
    documents,
    complete,
    kinds,
    pairsPerDocument,
    chunkCharacters: range,
    seed,
    critique,
    concurrency,
    retries,
    maxAnswerWords,
    duplicates,
    maxConsecutiveErrors,
    signal,
  }
}

function checkWhole(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new RangeError(`selfInstruct: ${name} is ${value}; it must be a whole number ≥ ${least}.`)
}
