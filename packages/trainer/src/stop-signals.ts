export interface StopSignals {
  /** For `train`'s option `stop`. */
  readonly stop: AbortSignal
  /** 130 after SIGINT, 143 after SIGTERM; undefined before. For `process.exitCode`. */
  exitCode(): number | undefined
  /** Takes the listeners away again. */
  release(): void
}

/**
 * Ends a run as its user wants: the first SIGINT (Ctrl-C) or SIGTERM lets `train({ stop })` finish its step, save and return; a second
 * one ends the process at once with the same exit code. Prints one line to stderr. Node only.
 */
export function stopSignals(): StopSignals {
  const controller = new AbortController()
  let code: number | undefined
  const onSignal = (name: 'SIGINT' | 'SIGTERM') => {
    if (code !== undefined) process.exit(code)
    code = name === 'SIGINT' ? 130 : 143
    process.stderr.write(`\n${name}: finishing this step, then saving. Once more ends at once.\n`)
    controller.abort()
  }
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, onSignal)
  return {
    stop: controller.signal,
    exitCode: () => code,
    release() {
      for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, onSignal)
    },
  }
}
