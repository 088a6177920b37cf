// The folder of a run: results of finished stages, models, checkpoints. What is finished is not done again.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { lockFolder } from './lock.ts'

export interface Finished<Result> {
  readonly seconds: number
  readonly result: Result
}

export interface Run {
  readonly folder: string
  /** A path inside the run's folder. */
  path(...parts: string[]): string
  /**
   * The result of stage `id`: read from `results/<id>.json` if it is there, else the value of `work()`, saved under a temporary name and
   * renamed. Prints `title` first and `found(result)` last.
   */
  stage<Result>(id: string, title: string, work: () => Promise<Result> | Result, found: (result: Result) => string): Promise<Result>
  /** All finished stages of this run, by id, in order. */
  readonly finished: Map<string, Finished<unknown>>
}

/** Of `pnpm start`: these only say where and how, not what, so a run may go on with others. */
const free: readonly string[] = ['runs', 'name', 'engine', 'threads', 'checkpointEvery', 'seeds', 'watch', 'chat']
// these matter from the first pair on
const freeUntilPairs = ['chatUrl', 'chatModel']

/**
 * Opens or makes `runs/<name>`. Throws when another process holds it, or when it was made with other settings than those that are `free`
 * to change.
 */
export function openRun(settings: { readonly runs: string; readonly name: string }, freeToChange = free): Run {
  const folder = join(settings.runs, settings.name)
  mkdirSync(join(folder, 'results'), { recursive: true })
  lockFolder(folder)
  const file = join(folder, 'settings.json')
  if (existsSync(file)) {
    const before: Record<string, unknown> = JSON.parse(readFileSync(file, 'utf8'))
    const now: Record<string, unknown> = JSON.parse(JSON.stringify(settings))
    const mayChange = existsSync(join(folder, 'results', 'pairs.json')) ? freeToChange : [...freeToChange, ...freeUntilPairs]
    const changed = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter(
      (key) => !mayChange.includes(key) && JSON.stringify(before[key]) !== JSON.stringify(now[key]),
    )
    if (changed.length > 0 && existsSync(join(folder, 'checkpoints'))) {
      const list = changed.map((key) => `${key} was ${JSON.stringify(before[key])}, is ${JSON.stringify(now[key])}`).join('; ')
      throw new Error(`${folder} was made with other settings (${list}); choose another --name, or delete the folder to start anew`)
    }
    // no model was trained yet: nothing is lost by starting anew
    if (changed.length > 0) rmSync(join(folder, 'results'), { recursive: true })
  }
  writeWhole(file, JSON.stringify(settings, null, 2))
  const finished = new Map<string, Finished<unknown>>()

  async function stage<Result>(
    id: string,
    title: string,
    work: () => Promise<Result> | Result,
    found: (result: Result) => string,
  ): Promise<Result> {
    const file = join(folder, 'results', `${id}.json`)
    const before: Finished<Result> | undefined = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
    console.log(`\n${title}${before ? '  (done before)' : ''}`)
    const start = performance.now()
    // through JSON, so that a stage read again gives exactly what it gave the first time
    const done = before ?? { result: JSON.parse(JSON.stringify(await work())), seconds: (performance.now() - start) / 1000 }
    if (!before) writeWhole(file, JSON.stringify(done))
    finished.set(id, done)
    console.log(`  ${found(done.result).replaceAll('\n', '\n  ')}${before ? '' : `  [${done.seconds.toFixed(1)} s]`}`)
    return done.result
  }
  return { folder, path: (...parts) => join(folder, ...parts), stage, finished }
}

/** Writes under a temporary name, then renames: a killed process leaves the old file or the new one. */
export function writeWhole(file: string, content: string | Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(`${file}.tmp`, content)
  renameSync(`${file}.tmp`, file)
}
