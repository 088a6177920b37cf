import { failure } from '../failure.ts'

/** The result of `call`, or a retryable failure after `timeoutMs`, when the call's signal aborts. */
export async function within<T>(timeoutMs: number, outer: AbortSignal | undefined, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const abort = (): void => controller.abort(outer?.reason)
  outer?.addEventListener('abort', abort, { once: true })
  let late: Error | undefined // made when it is needed: a stack costs more than all else here
  const timer = setTimeout(() => {
    late = failure(`limited: no reply within ${timeoutMs} ms. Raise timeoutMs, or ask for less at once (concurrency).`, { retryable: true })
    controller.abort(late)
  }, timeoutMs)
  try {
    outer?.throwIfAborted()
    return await call(controller.signal)
  } catch (error) {
    throw late !== undefined && controller.signal.reason === late ? late : error
  } finally {
    clearTimeout(timer)
    outer?.removeEventListener('abort', abort)
  }
}
