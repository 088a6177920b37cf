/** How long the next request has to wait, in ms, so that at most `perMinute` start in a minute, evenly spread. Each call reserves a place. */
export function pacer(perMinute: number, now: () => number = Date.now): () => number {
  const interval = 60_000 / perMinute
  let next = 0
  return () => {
    const start = Math.max(next, now())
    next = start + interval
    return start - now()
  }
}
