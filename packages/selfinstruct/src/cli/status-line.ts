const EVERY_MS = { terminal: 100, file: 30_000 }

/** How far a run is, on stderr: on one line of a terminal; elsewhere a line now and then. */
export function statusLine(): { readonly show: (text: string) => void; readonly stop: () => void } {
  const isTerminal = process.stderr.isTTY === true
  let shownAt = performance.now()
  return {
    show(text) {
      const now = performance.now()
      if (now - shownAt < (isTerminal ? EVERY_MS.terminal : EVERY_MS.file)) return
      shownAt = now
      process.stderr.write(isTerminal ? `\r\x1b[K${text.slice(0, (process.stderr.columns ?? 80) - 1)}` : `${text}\n`)
    },
    stop() {
      if (isTerminal) process.stderr.write('\r\x1b[K')
    },
  }
}
