/**
 * How long what is about to start has to wait, in ms, so that at most `perMinute` units start in a minute, evenly spread. Each call takes its place
 * for `amount` units; a negative amount gives some back.
 */
export function pacer(perMinute: number, now: () => number = Date.now): (amount: number) => number {
  const interval = 60_000 / perMinute
  let next = 0
  return (amount) => {
    const start = amount > 0 ? Math.max(next, now()) : next
    next = start + amount * interval
    return start - now()
  }
}
