// Which rows each stage of training sees. The same seed gives the same rows: every arm trains on exactly the same tokens.
import { type Document, dataMix, mix, pack, split, temperatureWeights } from 'seq-packer'
import { type ExerciseOptions, exercises, randomPassages, take } from './exercises.ts'
import type { Lesson } from './instruct.ts'
import { randomFrom } from './random.ts'
import type { Tuning } from './report/results.ts'
import type { Settings } from './settings.ts'
import { letterShare, type TokenisedText } from './texts.ts'
import { endOfTextId, type TextTokenizer } from './tokenizer.ts'

export interface RowsOptions {
  readonly settings: Settings
  readonly tokenizer: TextTokenizer
  /** The training texts. */
  readonly texts: readonly TokenisedText[]
  readonly rowLength: number
  /** How many steps will be trained: so many exercises are made. */
  readonly steps: number
  readonly seed: number
}

/** Exercises for a share of the tokens of all steps, and a tenth more: the mix takes its sources in an order of its own. */
function exercisesFor(kind: typeof exercises, share: number, options: RowsOptions): Document[] {
  const { settings, tokenizer, texts, rowLength, steps, seed } = options
  const count = Math.ceil((1.1 * steps * settings.tokensPerBatch * share) / rowLength) + 1
  const made: ExerciseOptions = {
    tokenizer,
    documents: texts.map(({ tokens }) => tokens),
    vocabularySize: settings.vocabularySize,
    length: rowLength,
    weight: settings.recallWeight,
    random: randomFrom(seed),
  }
  return take(kind(made), count)
}

// documents read ahead, of which a row takes those that fill it best
const buffer = 64

/** Random passages that repeat, and nothing else: here a small model learns to look back. */
export function passageRows(options: RowsOptions) {
  const passages = exercisesFor(randomPassages, 1, options)
  const { rowLength, seed } = options
  return pack(mix({ passages }, { weights: { passages: 1 }, seed }), { rowLength, strategy: 'best-fit', buffer })
}

/**
 * Texts and recall exercises, mixed by tokens. Sources weigh as the square root of their size (temperature 2), between even and natural
 * shares; which documents, and how much of the tokens long ones get, is the arm of the data mix (paper §4.2, Table 7). Long documents are
 * cut into rows, what is shorter is packed by best fit; documents of a row do not see each other.
 */
export function textRows(options: RowsOptions) {
  const { settings, texts, rowLength, seed } = options
  const share = settings.recallShare
  const bySource = groupBy(texts)
  const lengths = mapValues(bySource, (documents) => documents.map(({ tokens }) => tokens.length))
  const sizes = mapValues(lengths, (of) => of.reduce((sum, length) => sum + length, 0))
  const longFrom = median(Object.values(lengths).flat())
  const parts = dataMix(lengths, { ...armOf(settings, bySource), longFrom, weights: temperatureWeights(sizes, 2) })
  const sources = mapValues(parts, ({ source, indices }) => {
    const documents = Array.from(indices, (i) => bySource[source]![i]!)
    const started = documents.map(({ id, source, tokens }) => ({ id, source, tokens: Int32Array.of(endOfTextId, ...tokens) }))
    return split(started, { pieceLength: rowLength })
  })
  const weights = mapValues(parts, ({ weight }) => (1 - share) * weight)
  const recall = share > 0 ? { recall: exercisesFor(exercises, share, options) } : {}
  const stream = mix({ ...sources, ...recall }, { weights: share > 0 ? { ...weights, recall: share } : weights, seed })
  return pack(stream, { rowLength, strategy: 'best-fit', buffer })
}

const longShare = 0.8 // of the tokens, for the longer half of the documents where an arm gives them a share of their own; the paper publishes none

/** Quality is the share of letters: tables and lists have few. The better half of all documents is kept. */
function armOf({ dataMix: arm }: Settings, bySource: Readonly<Record<string, readonly TokenisedText[]>>) {
  if (arm === 'default' || arm === 'remove-long') return { arm }
  if (arm === 'upsample-long') return { arm, longShare }
  const scores = mapValues(bySource, (documents) => documents.map(({ text }) => letterShare(text)))
  return { arm, longShare, quality: { scores, least: median(Object.values(scores).flat()) } }
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

function groupBy(texts: readonly TokenisedText[]): Record<string, TokenisedText[]> {
  const names = [...new Set(texts.map(({ source }) => source))]
  return Object.fromEntries(names.map((name) => [name, texts.filter(({ source }) => source === name)]))
}

const mapValues = <From, To>(of: Readonly<Record<string, From>>, map: (value: From) => To): Record<string, To> =>
  Object.fromEntries(Object.entries(of).map(([name, value]) => [name, map(value)]))

/**
 * Rows of an arm of instruction tuning (paper §4.3, Table 9): short chats, packed; half of the rows pretraining text, or long instances, one
 * a row, right-padded. Epoch after epoch.
 */
export function tuningRows(tuning: Exclude<Tuning, 'before'>, lessons: readonly Lesson[], options: RowsOptions) {
  const { rowLength, seed } = options
  const endless = (documents: readonly Document[]) => mix({ documents }, { weights: { documents: 1 }, seed })
  const chats = () => pack(endless(lessons.map(({ chat }) => chat)), { rowLength, strategy: 'best-fit', buffer })
  if (tuning === 'short') return chats()
  const other = () =>
    tuning === 'pretrain' ? textRows(options) : pack(endless(lessons.map((lesson) => lesson[tuning])), { rowLength, strategy: 'pad' })
  return mix({ chats, other }, { weights: { chats: 1, other: 1 }, seed })
}
