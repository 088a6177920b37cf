import { checkCount, checkSome } from './checks.ts'
import type { LanguageModel, RunOptions } from './language-model.ts'
import { eachLosses } from './losses.ts'

export interface LossByContextOptions extends RunOptions {
  /** Context lengths in tokens, each at most a window's length minus `targetTokens`. */
  readonly contexts: readonly number[]
  /** How many tokens at the end of every window are scored. */
  readonly targetTokens: number
}

export interface ContextLoss {
  readonly context: number
  /** Mean over all windows' target tokens, in nats. */
  readonly loss: number
  /** The same for each window. */
  readonly perDocument: number[]
}

/**
 * Loss of the same tokens, the last `targetTokens` of every window, given more and more of what precedes them. Contexts are nested (all end
 * at the targets), so the curve compares like with like and its fall is what context brings.
 *
 * At context `c` the targets are scored in groups of `max(1, ⌊c/8⌋)`: exactly `c` tokens precede the first of a group, and the tokens of a
 * group see each other, so every target has at least `c` and fewer than `9/8·c` tokens before it (exactly `c` below 16). That costs
 * some ten tokens per target at short contexts, and one sequence of `c + targetTokens` per window once `⌊c/8⌋ ≥ targetTokens`.
 *
 * Throws RangeError, before the model is called, for no windows or contexts, counts that are no whole numbers ≥ 1 and windows that are too
 * short; later for losses that are not finite.
 * @see Xiong et al. 2023, §3.1, Fig. 1 (which does not say which tokens it scores)
 */
export async function lossByContext(
  model: LanguageModel,
  windows: readonly Int32Array[],
  options: LossByContextOptions,
): Promise<ContextLoss[]> {
  const { contexts, targetTokens, signal, onProgress } = options
  checkSome('lossByContext: windows', windows)
  checkSome('lossByContext: contexts', contexts)
  checkCount('lossByContext: targetTokens', targetTokens)
  for (const context of contexts) checkCount('lossByContext: a context', context)
  const longest = Math.max(...contexts)
  const short = windows.findIndex(({ length }) => length < longest + targetTokens)
  if (short >= 0)
    throw new RangeError(
      `lossByContext: window ${short} has ${windows[short]!.length} tokens; context ${longest} and ${targetTokens} targets need ` +
        `${longest + targetTokens}. Pass longer windows, or contexts of at most ${windows[short]!.length - targetTokens}.`,
    )

  const groupsOf = (context: number) => Math.ceil(targetTokens / groupSize(context))
  const total = contexts.reduce((sum, context) => sum + groupsOf(context) * windows.length, 0)
  const results: ContextLoss[] = []
  let before = 0
  for (const context of contexts) {
    const size = groupSize(context)
    const sums = windows.map(() => 0)
    // group by group through all windows, so that neighbours have one length
    const count = groupsOf(context) * windows.length
    const at = (index: number) => {
      const window = windows[index % windows.length]!
      const firstTarget = window.length - targetTokens + size * Math.floor(index / windows.length)
      return window.subarray(firstTarget - context, Math.min(firstTarget + size, window.length))
    }
    const progress = onProgress && ((done: number) => onProgress(before + done, total))
    await eachLosses('lossByContext', model, { count, at }, { signal, onProgress: progress }, (losses, index) => {
      for (let t = context; t < losses.length; t++) sums[index % windows.length]! += losses[t]!
    })
    before += count
    const perDocument = sums.map((sum) => sum / targetTokens)
    results.push({ context, loss: perDocument.reduce((sum, own) => sum + own, 0) / windows.length, perDocument })
  }
  return results
}

const groupSize = (context: number) => Math.max(1, Math.floor(context / 8))
