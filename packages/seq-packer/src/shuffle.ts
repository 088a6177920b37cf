import { checkCount } from './check.ts'
import { randomFrom, shuffled } from './random.ts'
import { asResumable, checkSame, fieldsOf, resumable, wholeNumber } from './resumable.ts'
import type { Json, Resumable } from './types.ts'

export interface ShuffleOptions {
  /** Items read at a time, and held. An item moves by fewer places than that. */
  readonly window: number
  /** A whole number; the same seed gives the same order. */
  readonly seed: number
}

/**
 * The items of a stream too long to hold, shuffled within consecutive windows (Fisher–Yates); nothing lost, nothing doubled. What lies
 * far apart stays apart, so let the stream come from files in random order. Deterministic; the state is that of the input before the
 * window and two numbers, and `restore` reads the window again.
 * @throws TypeError for items that are no iterable; RangeError for a window that is no whole number ≥ 1 or a seed that is none.
 */
export function shuffle<Item extends object>(items: Iterable<Item>, { window, seed }: ShuffleOptions): Resumable<Item> {
  checkCount('shuffle: window', window)
  if (!Number.isSafeInteger(seed)) throw new RangeError(`shuffle: seed is ${seed}; it must be a whole number.`)
  const input = asResumable('shuffle: items', items)
  let before: Json = input.state()
  let held: readonly Item[] = []
  let numWindows = 0 // read so far, the one at hand included
  let index = 0 // of the window at hand, handed out

  function read(): void {
    before = input.state()
    index = 0
    const taken: Item[] = []
    while (taken.length < window) {
      const { value, done } = input.next()
      if (done) break
      taken.push(value)
    }
    held = [...shuffled(taken, randomFrom(`${seed}/window/${numWindows++}`))]
  }
  function next(): Item | undefined {
    if (index === held.length) read()
    if (held.length > 0) return held[index++]
    numWindows-- // the end: asking again changes no state
    return undefined
  }
  const state = (): Json => {
    const here =
      index < held.length ? { input: before, windows: numWindows - 1, index } : { input: input.state(), windows: numWindows, index: 0 }
    return { kind: 'shuffle', window, seed, ...here }
  }
  const restore = (state: Json): void => {
    const fields = fieldsOf('shuffle', state, 'shuffle')
    checkSame('shuffle', fields, { window, seed })
    const windows = wholeNumber('shuffle.restore: windows', fields.windows)
    const wanted = wholeNumber('shuffle.restore: index', fields.index)
    input.restore(fields.input ?? null)
    ;[numWindows, index, held] = [windows, 0, []]
    if (wanted === 0) return
    read()
    if (wanted >= held.length)
      throw new RangeError(
        `shuffle.restore: the window holds ${held.length} items, the state was made after ${wanted}. Pass the same data.`,
      )
    index = wanted
  }
  return resumable(next, state, restore)
}
