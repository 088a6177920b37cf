import type { SelfInstructOptions } from '../options.ts'
import type { PromptKind } from '../types.ts'
import type { Reader } from './options.ts'

const KINDS: readonly PromptKind[] = ['normal', 'short', 'summary', 'multi-chunk']

/** Options of `selfInstruct` that the command line named, `selfInstruct` checks and completes them. */
export function settingsFrom(options: Reader): Omit<SelfInstructOptions, 'documents' | 'complete'> {
  const kinds = options.text('kinds')?.split(',').map(kindOf)
  const replyFormat = options.text('reply-format') ?? 'tags'
  if (replyFormat !== 'tags' && replyFormat !== 'json') throw new RangeError(`--reply-format is '${replyFormat}'; choose tags or json.`)
  const named = {
    pairsPerDocument: options.count('pairs-per-document'),
    questionsPerChunk: options.count('questions-per-chunk'),
    chunkCharacters: options.count('chunk-characters'),
    concurrency: options.count('concurrency'),
    seed: options.number('seed'),
    maxClosedBookF1: options.number('closed-book'),
    minGroundedness: options.number('min-groundedness'),
  }
  return { replyFormat, ...(kinds === undefined ? {} : { kinds }), ...given(named) }
}

function kindOf(name: string): PromptKind {
  const found = KINDS.find((kind) => kind === name.trim())
  if (found === undefined) throw new RangeError(`--kinds has '${name}'; choose from ${KINDS.join(', ')}.`)
  return found
}

/** What is not undefined. */
export const given = <Named extends Readonly<Record<string, number | undefined>>>(named: Named): { [Name in keyof Named]?: number } => {
  const found: { [Name in keyof Named]?: number } = { ...named }
  for (const name in found) if (found[name] === undefined) delete found[name]
  return found
}
