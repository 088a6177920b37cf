// Which rows each stage of training sees. The same seed gives the same rows: every arm trains on exactly the same tokens.
import { type Document, mix, pack, split, temperatureWeights } from 'seq-packer'
import { type ExerciseOptions, exercises, randomPassages, take } from './exercises.ts'
import { randomFrom } from './random.ts'
import type { Settings } from './settings.ts'
import type { TokenisedText } from './texts.ts'
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
 * shares (paper §4.2: which texts matters more than how long they are). Long documents are cut into rows, what is shorter is packed by best fit; documents of a
 * row do not see each other.
 */
export function textRows(options: RowsOptions) {
  const { settings, texts, rowLength, seed } = options
  const share = settings.recallShare
  const names = [...new Set(texts.map(({ source }) => source))]
  const bySource = Object.fromEntries(names.map((name) => [name, texts.filter(({ source }) => source === name)]))
  const sizes = names.map((name) => [name, bySource[name]!.reduce((sum, { tokens }) => sum + tokens.length, 0)])
  const natural = temperatureWeights(Object.fromEntries(sizes), 2)
  const started = (documents: readonly TokenisedText[]) =>
    split(
      documents.map(({ id, source, tokens }) => ({ id, source, tokens: Int32Array.of(endOfTextId, ...tokens) })),
      { pieceLength: rowLength },
    )
  const sources = Object.fromEntries(names.map((name) => [name, started(bySource[name]!)]))
  const weights = Object.fromEntries(names.map((name) => [name, (1 - share) * natural[name]!]))
  const recall = share > 0 ? { recall: exercisesFor(exercises, share, options) } : {}
  const stream = mix({ ...sources, ...recall }, { weights: share > 0 ? { ...weights, recall: share } : weights, seed })
  return pack(stream, { rowLength, strategy: 'best-fit', buffer })
}

/** One instance a row, right-padded (paper §4.3), epoch after epoch. */
export function instanceRows(instances: readonly Document[], rowLength: number, seed: number) {
  return pack(mix({ instances }, { weights: { instances: 1 }, seed }), { rowLength, strategy: 'pad' })
}
