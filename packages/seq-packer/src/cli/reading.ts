import { appendFileSync, writeFileSync } from 'node:fs'
import type { Problem, ReadOptions } from '../node/text-document.ts'
import { count } from '../report/plots.ts'
import type { Option } from './command.ts'
import type { reader } from './values.ts'

/** Options of the commands that read texts. */
export const readingOptions: Readonly<Record<string, Option>> = {
  field: { type: 'string', fallback: 'text', about: 'member of JSONL or column of Parquet that holds the text' },
  'id-field': { type: 'string', about: 'the one that holds the id (default: file and line)' },
  split: { type: 'string', about: 'of a dataset folder with several: train, test …' },
  'max-megabytes': { type: 'string', fallback: '128', about: 'of one document; what is longer is left out' },
  strict: { type: 'boolean', about: 'stop at the first document that cannot be used' },
  problems: { type: 'string', about: 'file for all documents that were left out, as JSONL' },
}

const mostShown = 20

/** What the options say, and where problems go: the first few to stderr, all into a file if one is named. */
export function reading(options: ReturnType<typeof reader>): {
  readonly read: ReadOptions
  /** What was left out, in words. */
  readonly leftOut: () => string
} {
  const kinds = new Map<string, number>()
  const path = options.text('problems')
  const [idField, split, megabytes] = [options.text('id-field'), options.text('split'), options.count('max-megabytes')]
  let shown = 0
  const onProblem = (problem: Problem): void => {
    if (path !== undefined && kinds.size === 0) writeFileSync(path, '')
    kinds.set(problem.kind, (kinds.get(problem.kind) ?? 0) + 1)
    if (path !== undefined) appendFileSync(path, `${JSON.stringify(problem)}\n`)
    if (shown++ < mostShown) console.error(problem.message)
    else if (shown === mostShown + 1) console.error(`… and more${path === undefined ? '; --problems FILE lists them all' : `, in ${path}`}`)
  }
  return {
    read: {
      field: options.text('field') ?? 'text',
      ...(idField === undefined ? {} : { idField }),
      ...(split === undefined ? {} : { split }),
      ...(megabytes === undefined ? {} : { maxDocumentBytes: megabytes * 2 ** 20 }),
      ...(options.flag('strict') ? {} : { onProblem }),
    },
    leftOut: () => (kinds.size === 0 ? '' : `left out: ${Array.from(kinds, ([kind, number]) => `${count(number)} ${kind}`).join(', ')}`),
  }
}
