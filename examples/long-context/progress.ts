// One progress bar at a time; plain lines where the output is no terminal.
import { Presets, SingleBar } from 'cli-progress'

export interface Progress {
  update(done: number, note?: string): void
  stop(): void
}

/** A bar with ETA on a terminal, a line every tenth of the way elsewhere. */
export function progress(label: string, total: number): Progress {
  if (!process.stdout.isTTY) {
    let printed = 0
    return {
      update(done, note = '') {
        const tenth = Math.floor((10 * done) / total)
        if (tenth > printed) console.log(`  ${label} ${done}/${total} ${note}`)
        printed = Math.max(printed, tenth)
      },
      stop() {},
    }
  }
  const bar = new SingleBar(
    { format: `  ${label} {bar} {percentage}% | {value}/{total} | ETA {eta_formatted} {note}`, clearOnComplete: true, hideCursor: true },
    Presets.shades_classic,
  )
  bar.start(total, 0, { note: '' })
  return {
    update: (done, note = '') => bar.update(done, { note: note === '' ? '' : `| ${note}` }),
    stop: () => bar.stop(),
  }
}

/** A bar for what says itself how much there is to do: `work` gets the function to tell. */
export async function shown<Result>(
  label: string,
  work: (onProgress: (done: number, total: number) => void) => Promise<Result>,
): Promise<Result> {
  let bar: Progress | undefined
  try {
    return await work((done, total) => {
      bar ??= progress(label, total)
      bar.update(done)
    })
  } finally {
    bar?.stop()
  }
}
