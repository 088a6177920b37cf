import { checkCount, checkSome } from './checks.ts'
import type { LanguageModel, RunOptions } from './language-model.ts'
import { eachLosses } from './losses.ts'

export interface LossByPositionOptions extends RunOptions {
  /** Positions averaged into one point; the paper takes 500. */
  readonly binSize: number
}

export interface PositionLoss {
  /** Middle of the bin `[k·binSize, (k+1)·binSize)`, in tokens: 250, 750, … for bins of 500. The last bin may be cut short by the window. */
  readonly position: number
  /** Mean over the bin's tokens of all windows, in nats. */
  readonly loss: number
  /** The same for each window: what two models lost on it can be subtracted. */
  readonly perDocument: number[]
  /** Token losses in the mean. */
  readonly count: number
  /** `s/√n` over `perDocument`; undefined for a single window. */
  readonly standardError: number | undefined
}

/**
 * Loss by position in the window, averaged over windows and over bins of positions: flat or falling where the model still uses its
 * positions, rising where it was not trained to go. The first token of a window has no loss. All windows have one length, so that every
 * bin averages the same documents.
 *
 * Throws RangeError for no windows, windows of different lengths or of fewer than 2 tokens, a bin size that is no whole number ≥ 1, and
 * losses that are not finite.
 * @see Xiong et al. 2023, Appendix C, Fig. 9a
 */
export async function lossByPosition(
  model: LanguageModel,
  windows: readonly Int32Array[],
  options: LossByPositionOptions,
): Promise<PositionLoss[]> {
  const { binSize } = options
  checkCount('lossByPosition: binSize', binSize)
  checkSome('lossByPosition: windows', windows)
  const { length } = windows[0]!
  checkCount('lossByPosition: length of the windows', length, 2)
  const other = windows.findIndex((window) => window.length !== length)
  if (other >= 0)
    throw new RangeError(`lossByPosition: window ${other} has ${windows[other]!.length} tokens, window 0 ${length}; cut all to one length.`)

  const bins = Array.from({ length: Math.ceil(length / binSize) }, (_, k) => ({
    position: (k + 0.5) * binSize,
    tokens: Math.min(length, (k + 1) * binSize) - Math.max(1, k * binSize),
    perDocument: [] as number[],
  }))
  const sequences = { count: windows.length, at: (index: number) => windows[index]! }
  await eachLosses('lossByPosition', model, sequences, options, (losses) => {
    bins.forEach((bin, k) => {
      let sum = 0
      for (let t = Math.max(1, k * binSize); t < Math.min(length, (k + 1) * binSize); t++) sum += losses[t]!
      bin.perDocument.push(sum / bin.tokens)
    })
  })
  const n = windows.length
  return bins
    .filter(({ tokens }) => tokens > 0) // a bin that holds only the first token
    .map(({ position, tokens, perDocument }) => {
      const loss = perDocument.reduce((sum, own) => sum + own, 0) / n
      const variance = perDocument.reduce((sum, own) => sum + (own - loss) ** 2, 0) / (n - 1)
      return { position, loss, perDocument, count: n * tokens, standardError: n > 1 ? Math.sqrt(variance / n) : undefined }
    })
}
