/**
 * `task` over the items of `source`, at most `concurrency` at a time, results in the order of the items. Items are pulled only as tasks start.
 * When `source` throws, the tasks already started are still delivered before its error; an abort is thrown at once, whatever is under way.
 */
export async function* inOrder<Item, Result>(
  source: AsyncIterable<Item>,
  concurrency: number,
  task: (item: Item) => Promise<Result>,
  signal: AbortSignal,
): AsyncGenerator<Result, void, undefined> {
  const items = source[Symbol.asyncIterator]()
  const running: Promise<Result>[] = []
  let failure: { error: unknown } | undefined
  let done = false
  try {
    while (true) {
      while (!done && running.length < concurrency) {
        try {
          const next = await untilAborted(items.next(), signal)
          if (next.done) done = true
          else running.push(started(task(next.value)))
        } catch (error) {
          signal.throwIfAborted()
          failure = { error }
          done = true
        }
      }
      const first = running.shift()
      if (first === undefined) break
      yield await untilAborted(first, signal)
    }
  } finally {
    const closed = items.return?.().catch(() => {})
    if (!signal.aborted) await closed // a source that is still waiting for its next item cannot close yet
  }
  if (failure !== undefined) throw failure.error
}

/** Without an "unhandled rejection" while the promise waits for its turn. */
function started<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

/** `promise`, or the reason of `signal` as soon as it aborts, also when the promise never settles. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
