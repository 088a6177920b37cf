// What the model can do at every length, on held-out texts; the same before and after.
import {
  firstSentenceRetrieval,
  fitPowerLaw,
  type LanguageModel,
  lossByContext,
  lossByPosition,
  passkey,
  type Tokenizer,
} from 'long-context-eval'
import { shown } from '../long-context/progress.ts'
import { mean } from '../long-context/report/statistics.ts'
import type { TokenisedText } from '../long-context/texts.ts'
import { remembering } from '../shared/remembering.ts'
import { windowsOf } from '../shared/windows.ts'

export interface MeasureOptions {
  readonly tokenizer: Tokenizer
  readonly texts: readonly TokenisedText[]
  /** What every text begins with. */
  readonly begin: readonly number[]
  /** Context of the model as it was trained. */
  readonly trained: number
  /** Context after the extension. */
  readonly length: number
  readonly evalTexts: number
  readonly evalTrials: number
}

/** Loss at every position of rows of the new length, in 16 bins (Fig. 9a). */
export const byPosition = (model: LanguageModel, windows: readonly Int32Array[]) =>
  lossByPosition(model, windows, { binSize: Math.ceil(windows[0]!.length / 16) })

export type Positions = Awaited<ReturnType<typeof byPosition>>

export const describePositions = (bins: Positions): string => `by position: ${bins.map(({ loss }) => loss.toFixed(2)).join(' ')}`

/** Losses in nats per token: by position, of the same last tokens with more and more context (Fig. 1), and in short rows. */
export async function measureLoss(measured: LanguageModel, options: MeasureOptions) {
  const model = remembering(measured)
  const { texts, begin, trained, length, evalTexts } = options
  const windows = windowsOf(texts, { begin, length, most: evalTexts })
  const targetTokens = Math.max(16, Math.floor(length / 16))
  const halves = Array.from({ length: 6 }, (_, k) => Math.floor(length / 2 ** (k + 1)))
  const contexts = [...new Set([...halves, trained, length - targetTokens])].filter((c) => c <= length - targetTokens).sort((a, b) => a - b)
  const byContext = await shown('contexts', (onProgress) => lossByContext(model, windows, { contexts, targetTokens, onProgress }))
  const several = windows.length > 1 // intervals come from several texts
  const powerLaw = fitPowerLaw(byContext, several ? { samples: byContext.map(({ perDocument }) => perDocument), seed: 1 } : {})
  const shortLength = Math.floor(trained / 4)
  const shortRows = windowsOf(texts, { begin, length: shortLength, most: 4 * evalTexts })
  const shortLosses = (await model.tokenLosses(shortRows)).map((row) => mean(Array.from(row.subarray(1))))
  return { byPosition: await byPosition(model, windows), byContext, powerLaw, shortLength, shortLosses }
}

export type Losses = Awaited<ReturnType<typeof measureLoss>>

/** Whether the model finds what stands far back: pass keys at five depths, and the first sentence of a text (Fig. 5b). */
export async function measureRecall(model: LanguageModel, options: MeasureOptions) {
  const { tokenizer, texts, trained, length, evalTexts, evalTrials } = options
  if (evalTrials === 0) return { retrieval: [], keys: [] }
  const [keyTokens, sentenceTokens] = [8, 64] // of the answers, which need room too
  const holding = (most: number, least: number) => [Math.floor(trained / 2), trained - most, length - most].filter((own) => own >= least)
  const long = texts.filter(({ tokens }) => tokens.length >= length)
  const retrieval = await shown('first sentences', (onProgress) =>
    firstSentenceRetrieval(model, {
      documents: long.slice(0, evalTexts).map(({ text }) => text),
      lengths: holding(sentenceTokens, 128),
      tokenizer,
      maxNewTokens: sentenceTokens,
      onProgress,
    }),
  )
  const keys = await shown('pass keys', (onProgress) =>
    passkey(model, {
      lengths: holding(keyTokens, 160), // what the template takes, even as single bytes
      depths: [0, 0.25, 0.5, 0.75, 1],
      trials: evalTrials,
      seed: 1,
      tokenizer,
      maxNewTokens: keyTokens,
      onProgress,
    }),
  )
  return { retrieval, keys }
}

export type Recall = Awaited<ReturnType<typeof measureRecall>>

/** Share of pass keys found at the longest length, in percent. */
export const keysFound = ({ keys }: Recall, length = Math.max(...keys.map((own) => own.length))): number =>
  100 * mean(keys.filter((own) => own.length === length).map(({ accuracy }) => accuracy))

export function describeLosses({ byPosition, byContext, shortLength, shortLosses }: Losses): string {
  const last = byContext.at(-1)!
  return (
    `loss ${mean(shortLosses).toFixed(3)} in rows of ${shortLength}, ${last.loss.toFixed(3)} of the last tokens with ${last.context} before them\n` +
    describePositions(byPosition)
  )
}

export function describeRecall(recall: Recall): string {
  const last = recall.retrieval.at(-1)
  if (!last) return 'left out'
  const { length, rougeL } = last
  return `at ${length} tokens: first sentence ROUGE-L ${rougeL.toFixed(0)}, pass keys ${keysFound(recall).toFixed(0)} %`
}
