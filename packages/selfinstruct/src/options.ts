import type { Verdict } from './parse-verdict.ts'
import type { ReplyFormat } from './prompts/generation.ts'
import { DEFAULT_PROMPTS, type Prompts } from './prompts/prompts.ts'
import type { EvaluationSet } from './quality/contamination.ts'
import type { Complete, PromptKind, SourceDocument } from './types.ts'

export interface SelfInstructOptions {
  /** Read one after another and never all at once; text of any length, ids unique. */
  readonly documents: Iterable<SourceDocument> | AsyncIterable<SourceDocument>
  readonly complete: Complete
  /** Prompt kinds, drawn with equal probability for each chunk; default the paper's, 'normal' and 'short'. */
  readonly kinds?: readonly PromptKind[]
  /** Pairs asked for per document; default 1. */
  readonly pairsPerDocument?: number
  /** Pairs asked for in one call about one chunk; default 1: each pair about a chunk of its own. */
  readonly questionsPerChunk?: number
  /** Size of a chunk in characters (UTF-16 units): the largest, or a range to draw from; default 4000, about a thousand tokens of English. */
  readonly chunkCharacters?: number | { readonly min: number; readonly max: number }
  /** Decides chunks and prompt kinds, and is passed on to `complete` in another form for each call; default 0. */
  readonly seed?: number
  /** What takes the place of the prompts of this package; a generation prompt has to ask for `<question>` and `<answer>`, or for JSON. */
  readonly prompts?: Partial<Prompts>
  /** Whether the model is asked to reply in XML tags or in JSON, with the schema passed to `complete`; default 'tags'. Both are understood either way. */
  readonly replyFormat?: ReplyFormat
  /** Whether the model has to approve its own answer; default true. */
  readonly critique?: boolean
  /** The filter rule: whether a pair stays, by the verdict of its critique and the whole reply; default: those with a clear yes. */
  readonly approves?: (verdict: Verdict, critique: string) => boolean
  /** Documents' pairs in the making at the same time; default 4. Changes neither the outcomes nor their order. */
  readonly concurrency?: number
  /** How many more times to ask, with another seed, when tags cannot be parsed; default 1. */
  readonly retries?: number
  /** Longest answers in words, beyond which a pair is 'too-long'; default normal 200, short 16, summary 300, multi-chunk 200. */
  readonly maxAnswerWords?: Readonly<Partial<Record<PromptKind, number>>>
  /** Least share of an answer's telling words that its chunks must hold, below which it is 'ungrounded'; default 0.5. 0 keeps everything. */
  readonly minGroundedness?: number
  /**
   * Largest agreement (token F1, in [0, 1]) of an answer with what the model says to the question alone, beyond which it is 'closed-book'.
   * Default 1: it is not asked. Takes one more call for each pair that passed all else.
   */
  readonly maxClosedBookF1?: number
  /** What chunks, questions and answers must not share n-grams with; default nothing. */
  readonly evaluation?: EvaluationSet
  /** Near-duplicates: ROUGE-L of two questions beyond `threshold`, within a document or over all; default 0.7 over all. A threshold of 1 keeps everything. */
  readonly duplicates?: { readonly threshold: number; readonly within: 'document' | 'all' }
  /** Failed calls in a row after which the run throws; default 5. */
  readonly maxConsecutiveErrors?: number
  readonly signal?: AbortSignal | undefined
}

export type Settings = Required<Omit<SelfInstructOptions, 'chunkCharacters' | 'signal' | 'prompts' | 'maxAnswerWords'>> & {
  readonly chunkCharacters: { readonly min: number; readonly max: number }
  readonly prompts: Prompts
  readonly maxAnswerWords: Readonly<Record<PromptKind, number>>
  readonly signal: AbortSignal | undefined
}

const MAX_ANSWER_WORDS: Readonly<Record<PromptKind, number>> = { normal: 200, short: 16, summary: 300, 'multi-chunk': 200 }
const KINDS = Object.keys(MAX_ANSWER_WORDS)

/** The options with their defaults, or an error for those that cannot work. */
export function settingsOf({
  documents,
  complete,
  kinds = ['normal', 'short'],
  pairsPerDocument = 1,
  questionsPerChunk = 1,
  chunkCharacters = 4000,
  seed = 0,
  prompts = {},
  replyFormat = 'tags',
  critique = true,
  approves = (verdict) => verdict === 'yes',
  concurrency = 4,
  retries = 1,
  maxAnswerWords = {},
  minGroundedness = 0.5,
  maxClosedBookF1 = 1,
  evaluation = { texts: [] },
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
    throw new RangeError(`selfInstruct: kinds is ${JSON.stringify(kinds)}; name one or more of ${KINDS.join(', ')}, once each.`)
  const range = typeof chunkCharacters === 'number' ? { min: chunkCharacters, max: chunkCharacters } : chunkCharacters
  checkWhole('chunkCharacters (min)', range.min, 1)
  checkWhole('chunkCharacters (max)', range.max, range.min)
  checkWhole('pairsPerDocument', pairsPerDocument, 1)
  checkWhole('questionsPerChunk', questionsPerChunk, 1)
  checkWhole('concurrency', concurrency, 1)
  checkWhole('retries', retries, 0)
  checkWhole('maxConsecutiveErrors', maxConsecutiveErrors, 1)
  const longest = { ...MAX_ANSWER_WORDS, ...maxAnswerWords }
  for (const kind of kinds) checkWhole(`maxAnswerWords.${kind}`, longest[kind], 1)
  if (evaluation.words !== undefined) checkWhole('evaluation.words', evaluation.words, 1)
  checkFraction('minGroundedness', minGroundedness)
  checkFraction('maxClosedBookF1', maxClosedBookF1)
  if (replyFormat !== 'tags' && replyFormat !== 'json')
    throw new RangeError(`selfInstruct: replyFormat is '${replyFormat}'; choose 'tags' or 'json'.`)
  if (!Number.isSafeInteger(seed)) throw new RangeError(`selfInstruct: seed is ${seed}; it must be a whole number.`)
  checkFraction('duplicates.threshold', duplicates.threshold)
  if (duplicates.within !== 'document' && duplicates.within !== 'all')
    throw new RangeError(`selfInstruct: duplicates.within is '${duplicates.within}'; choose 'document' or 'all'.`)
  return {
    documents,
    complete,
    kinds,
    pairsPerDocument,
    questionsPerChunk,
    chunkCharacters: range,
    seed,
    prompts: { ...DEFAULT_PROMPTS, ...prompts },
    replyFormat,
    critique,
    approves,
    concurrency,
    retries,
    maxAnswerWords: longest,
    minGroundedness,
    maxClosedBookF1,
    evaluation,
    duplicates,
    maxConsecutiveErrors,
    signal,
  }
}

function checkWhole(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new RangeError(`selfInstruct: ${name} is ${value}; it must be a whole number ≥ ${least}.`)
}

function checkFraction(name: string, value: number): void {
  if (!(value >= 0 && value <= 1)) throw new RangeError(`selfInstruct: ${name} is ${value}; it must lie in [0, 1].`)
}
