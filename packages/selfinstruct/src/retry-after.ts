/** The pause that a `Retry-After` header asks for, seconds or a date, in ms; undefined without one that can be read. */
export function retryAfterMs(header: string | null | undefined, now: number = Date.now()): number | undefined {
  if (header === null || header === undefined || header.trim() === '') return undefined
  const seconds = Number(header)
  const pause = Number.isFinite(seconds) ? 1000 * seconds : Date.parse(header) - now
  return Number.isFinite(pause) ? Math.max(0, pause) : undefined
}

/** What a status says about asking again: after 408, 409, 429 and 5xx; never with 401, 403 or 404, where nothing can succeed. */
export const marksOfStatus = (status: number, retryAfter: string | null | undefined) => ({
  retryable: status === 408 || status === 409 || status === 429 || status >= 500,
  fatal: status === 401 || status === 403 || status === 404,
  retryAfterMs: retryAfterMs(retryAfter),
})
