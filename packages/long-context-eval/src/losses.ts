import type { LanguageModel, RunOptions } from './language-model.ts'

/** Most tokens handed to the model in one call; a longer sequence goes alone. A model that fits fewer splits the call itself. */
const tokensPerCall = 65_536

/**
 * Calls `use(losses, index)` for every sequence, in order. Sequences are made when they are needed and go to the model in calls of equal
 * length, so that memory does not grow with their number. Throws RangeError where the model's answer does not fit the sequences or holds
 * a value that is not finite.
 */
export async function eachLosses(
  who: string,
  model: LanguageModel,
  sequences: { readonly count: number; readonly at: (index: number) => Int32Array },
  { signal, onProgress }: RunOptions,
  use: (losses: Float32Array, index: number) => void,
): Promise<void> {
  for (let first = 0; first < sequences.count; ) {
    const call = [sequences.at(first)]
    const { length } = call[0]!
    while (first + call.length < sequences.count && (call.length + 1) * length <= tokensPerCall) {
      const next = sequences.at(first + call.length)
      if (next.length !== length) break
      call.push(next)
    }
    signal?.throwIfAborted()
    const answer = await model.tokenLosses(call)
    if (answer.length !== call.length)
      throw new RangeError(`${who}: model.tokenLosses gave ${answer.length} arrays for ${call.length} sequences; it must give one each.`)
    answer.forEach((losses, i) => {
      checkLosses(who, losses, length)
      use(losses, first + i)
    })
    first += call.length
    onProgress?.(first, sequences.count)
  }
}

function checkLosses(who: string, losses: Float32Array, length: number): void {
  if (losses.length !== length)
    throw new RangeError(
      `${who}: model.tokenLosses gave ${losses.length} losses for a sequence of ${length} tokens; it must give one per token (the first is NaN).`,
    )
  for (let t = 1; t < length; t++)
    if (!Number.isFinite(losses[t]!))
      throw new RangeError(
        `${who}: the model's loss of token ${t} of ${length} is ${losses[t]}; a mean over it says nothing. Check the model's weights and its longest position.`,
      )
}
