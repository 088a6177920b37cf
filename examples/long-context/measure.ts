// Stage 5: what an arm can do, measured the way the paper measures it, on documents that no training row came from.
import {
  firstSentenceRetrieval,
  fitPowerLaw,
  type LanguageModel,
  lossByContext,
  lossByPosition,
  passkey,
  type Tokenizer,
} from 'long-context-eval'
import { remembering } from '../shared/remembering.ts'
import { windowsOf } from '../shared/windows.ts'
import { cues } from './exercises.ts'
import { mean } from './report/statistics.ts'
import type { TokenisedText } from './texts.ts'

export interface MeasureOptions {
  readonly tokenizer: Tokenizer
  /** Held-out texts and their tokens. */
  readonly texts: readonly TokenisedText[]
  readonly shortLength: number
  readonly longLength: number
  readonly evalDocuments: number
  readonly evalTrials: number
  readonly onProgress: (done: number) => void
}

/** Parts of `measure` that report progress. */
export const measureSteps = 5

const powersOfTwo = (from: number, to: number) => Array.from({ length: Math.log2(to / from) + 1 }, (_, i) => from * 2 ** i)

/** Every number is a mean over held-out documents; losses are in nats per token. */
export async function measure(measured: LanguageModel, options: MeasureOptions) {
  const model = remembering(measured)
  const { tokenizer, texts, shortLength, longLength, evalDocuments, evalTrials, onProgress } = options
  const long = texts.filter(({ tokens }) => tokens.length >= longLength).slice(0, evalDocuments)
  const windows = windowsOf(long, { length: longLength, most: 4 * evalDocuments })

  // loss at every position of long rows (Fig. 9a)
  const byPosition = await lossByPosition(model, windows, { binSize: longLength / 16 })
  onProgress(1)

  // loss of the same last tokens, given more and more context (Fig. 1), and the power law through it
  const targetTokens = Math.min(64, longLength / 8)
  const contexts = [...powersOfTwo(4, longLength / 2), longLength - targetTokens]
  const byContext = await lossByContext(model, windows, { contexts, targetTokens })
  const powerLaw = fitPowerLaw(byContext, { samples: byContext.map(({ perDocument }) => perDocument), seed: 1 })
  onProgress(2)

  // the first sentence of a document, asked for at its end (Fig. 5b)
  // up to 7/8 of the trained length: the answer needs room too; from 96 tokens: shorter ones hardly hold the questions
  const lengths = [...powersOfTwo(shortLength, longLength / 2), (3 / 4) * longLength, (7 / 8) * longLength].filter((length) => length >= 96)
  const retrieval = await firstSentenceRetrieval(model, {
    documents: long.map(({ text }) => text),
    lengths,
    tokenizer,
    prompt: cues.firstSentence,
    maxNewTokens: 64,
  })
  onProgress(3)

  // a pass key hidden in real text
  const keys = await passkey(model, {
    lengths,
    depths: [0, 0.25, 0.5, 0.75, 1],
    trials: evalTrials,
    seed: 1,
    tokenizer,
    template: {
      filler: long.map(({ text }) => text),
      needle: (key) => `${cues.passKeyNeedle} ${key}${cues.passKeyAfter}`,
      question: cues.passKeyQuestion,
    },
  })
  onProgress(4)

  // short context: rows of the original length, every token
  const short = await model.tokenLosses(texts.slice(0, 4 * evalDocuments).map(({ tokens }) => tokens.slice(0, shortLength)))
  const shortLosses = short.flatMap((row) => Array.from(row.subarray(1)))
  onProgress(5)
  return { byPosition, byContext, powerLaw, retrieval, keys, shortLoss: mean(shortLosses) }
}

export type Measures = Awaited<ReturnType<typeof measure>>
