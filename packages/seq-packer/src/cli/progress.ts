/** Progress on one line of stderr, with the time left; silent where nobody watches. */
export function progress(title: string, total: number, done = 0): { update(now: number, note?: string): void; stop(): void } {
  const watched = process.stderr.isTTY === true
  const began = performance.now()
  let printed = 0
  return {
    update(now, note = '') {
      const at = performance.now()
      if (!watched || (at - printed < 100 && now < total)) return
      printed = at
      const fraction = Math.min(1, now / total)
      const left = now > done ? ((at - began) / 1000 / (now - done)) * (total - now) : Number.NaN
      const bar = '█'.repeat(Math.round(20 * fraction)).padEnd(20, '░')
      process.stderr.write(
        `\r\x1b[K${title} ${bar} ${(100 * fraction).toFixed(0)} % ${Number.isFinite(left) ? duration(left) : ''} ${note}`,
      )
    },
    stop() {
      if (watched && printed > 0) process.stderr.write('\r\x1b[K')
    },
  }
}

/** `3 h 20 min`, `4 min`, `12 s`. */
export function duration(seconds: number): string {
  if (seconds >= 3600) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
  return seconds >= 60 ? `${Math.floor(seconds / 60)} min` : `${Math.ceil(seconds)} s`
}
