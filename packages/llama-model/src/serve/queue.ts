/** Who may compute: at most `active` at once, the others in the order they came; those that may take turns, one step each. */
export interface Queue {
  /**
   * Runs `task` when there is room; it computes in `turn`, where nobody else does.
   * @throws the signal's reason when it is aborted while waiting, `refused()` when too many wait already
   */
  run<T>(signal: AbortSignal, task: (turn: Turn) => Promise<T>): Promise<T>
}

export type Turn = <T>(step: () => Promise<T>) => Promise<T>

export function makeQueue({ active, maxWaiting }: { active: number; maxWaiting: number }, refused: () => Error): Queue {
  const waiting: (() => void)[] = []
  let free = active
  let last: Promise<unknown> = Promise.resolve()

  const turn: Turn = (step) => {
    const result = last.then(step)
    last = result.catch(() => {})
    return result
  }
  const enter = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      signal.throwIfAborted()
      if (free > 0) {
        free--
        return resolve()
      }
      if (waiting.length >= maxWaiting) throw refused()
      const leave = () => {
        waiting.splice(waiting.indexOf(next), 1)
        reject(signal.reason)
      }
      const next = () => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      signal.addEventListener('abort', leave, { once: true })
      waiting.push(next)
    })
  const leave = () => {
    const next = waiting.shift()
    if (next) next()
    else free++
  }
  return {
    async run(signal, task) {
      await enter(signal)
      try {
        return await task(turn)
      } finally {
        leave()
      }
    },
  }
}
