// Recall exercises: documents whose end can be predicted only by looking far back. At this size a model meets too few of them in plain
// text to learn retrieval at all, so a share of the training rows holds them: the same for every arm, and said in the report.
import { endOfTextId, type TextTokenizer } from './tokenizer.ts'

/** The cues that follow the text. Evaluation asks with the same words. */
export const cues = {
  firstSentence: '\n\nThe first sentence again: ',
  passKeyNeedle: ' The pass key is',
  passKeyAfter: '. Remember it.',
  passKeyQuestion: '\n\nWhat is the pass key? The pass key is',
  passage: '\n\nAgain: ',
}

export interface Exercise {
  readonly id: string
  readonly source: 'recall'
  readonly tokens: number[]
  readonly lossWeights: number[]
}

export interface ExerciseOptions {
  readonly tokenizer: TextTokenizer
  /** Token sequences of the training documents. */
  readonly documents: readonly Int32Array[]
  readonly vocabularySize: number
  /** Length of an exercise in tokens. */
  readonly length: number
  /** Loss weight of the tokens that are asked for. */
  readonly weight: number
  /** Uniform numbers in [0, 1). */
  readonly random: () => number
}

/**
 * Endless exercises of at most `length` tokens, in turn: random tokens that repeat, the first sentence, a pass key of five digits, a passage
 * of the text that returns.
 */
export const exercises = (options: ExerciseOptions): Generator<Exercise, never> =>
  make(options, [randomPassage, firstSentence, passKey, passage])

/**
 * Endless passages of random tokens, each repeated until the row is full: nothing but looking back can predict them, so the heads that copy
 * (induction heads, Olsson et al. 2022) form here, within a thousand steps. Plain text would take a small model many times as long.
 */
export const randomPassages = (options: ExerciseOptions): Generator<Exercise, never> => make(options, [randomPassage])

/** The first `count` items. */
export function take<Item>(items: Iterator<Item, never>, count: number): Item[] {
  return Array.from({ length: count }, () => items.next().value)
}

function* make(
  options: ExerciseOptions,
  kinds: readonly ((options: ExerciseOptions) => Piece[] | undefined)[],
): Generator<Exercise, never> {
  for (let i = 0, misses = 0; ; i++) {
    const pieces = kinds[i % kinds.length]!(options)
    const tokens = pieces?.flatMap((piece) => [...piece.tokens])
    if (!pieces || !tokens || tokens.length > options.length) {
      if (++misses > 10_000)
        throw new Error(
          `recall exercises of ${options.length} tokens: the texts have no document long enough for one; give longer texts, or --recall-share 0`,
        )
      continue
    }
    misses = 0
    const lossWeights = pieces.flatMap(({ tokens, random, asked }) => Array.from(tokens, () => (random ? 0 : asked ? options.weight : 1)))
    yield { id: `recall-${i}`, source: 'recall', tokens, lossWeights }
  }
}

interface Piece {
  readonly tokens: readonly number[] | Int32Array
  /** Nothing can predict them: loss weight 0. */
  readonly random?: boolean
  /** Looking back predicts them. */
  readonly asked?: boolean
}

const endOfText: Piece = { tokens: [endOfTextId] }
const whole = (from: number, random: () => number) => Math.floor(random() * from)

function excerpt({ documents, random }: ExerciseOptions, tokens: number): Int32Array | undefined {
  const document = documents[whole(documents.length, random)]!
  if (document.length < tokens) return undefined
  const from = whole(document.length - tokens + 1, random)
  return document.slice(from, from + tokens)
}

function firstSentence(options: ExerciseOptions): Piece[] | undefined {
  const { tokenizer, length, random } = options
  const document = options.documents[whole(options.documents.length, random)]!
  const from = whole(Math.max(1, document.length - length), random)
  // begin at the start of a sentence
  const text = tokenizer.decode(document.slice(from, from + 2 * length))
  const begin = from === 0 ? 0 : text.search(/(?<=[.!?]\s)\p{Lu}/u)
  const sentence = begin < 0 ? undefined : text.slice(begin).match(/^.{20,240}?[.!?](?=\s)/su)?.[0]
  if (sentence === undefined) return undefined
  const answer = tokenizer.encode(sentence)
  const cue = tokenizer.encode(cues.firstSentence)
  const room = length - 2 - answer.length - cue.length
  if (room < answer.length) return undefined
  const body = tokenizer.encode(text.slice(begin)).slice(0, room)
  return [endOfText, { tokens: body }, { tokens: cue }, { tokens: answer, asked: true }, endOfText]
}

function passKey(options: ExerciseOptions): Piece[] | undefined {
  const { tokenizer, length, random } = options
  const key = tokenizer.encode(` ${Array.from({ length: 5 }, () => whole(10, random)).join('')}`)
  const before = tokenizer.encode(cues.passKeyNeedle)
  const after = tokenizer.encode(cues.passKeyAfter)
  const question = tokenizer.encode(cues.passKeyQuestion)
  const filler = excerpt(options, length - 2 - before.length - after.length - question.length - 2 * key.length)
  if (!filler) return undefined
  const at = whole(filler.length + 1, random)
  return [
    endOfText,
    { tokens: filler.slice(0, at) },
    { tokens: before },
    { tokens: key, random: true },
    { tokens: after },
    { tokens: filler.slice(at) },
    { tokens: question },
    { tokens: key, asked: true },
    endOfText,
  ]
}

function passage(options: ExerciseOptions): Piece[] | undefined {
  const { tokenizer, length, random } = options
  const cue = tokenizer.encode(cues.passage)
  const returns = excerpt(options, 8 + whole(Math.min(56, length / 4 - 8), random))
  if (!returns) return undefined
  const filler = excerpt(options, length - 2 - cue.length - 2 * returns.length)
  if (!filler) return undefined
  const at = whole(filler.length + 1, random)
  return [
    endOfText,
    { tokens: filler.slice(0, at) },
    { tokens: returns },
    { tokens: filler.slice(at) },
    { tokens: cue },
    { tokens: returns, asked: true },
    endOfText,
  ]
}

function randomPassage({ length, vocabularySize, random }: ExerciseOptions): Piece[] {
  const passage = Array.from({ length: 8 + whole(length / 2 - 8, random) }, () => 1 + whole(vocabularySize - 1, random))
  const again = Array.from({ length: length - 1 - passage.length }, (_, i) => passage[i % passage.length]!)
  return [endOfText, { tokens: passage, random: true }, { tokens: again }]
}
