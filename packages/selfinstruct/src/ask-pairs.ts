import { ask } from './ask.ts'
import { checkPair } from './check-pair.ts'
import { marksOf } from './failure.ts'
import type { Settings } from './options.ts'
import { parsePairs } from './parse-pair.ts'
import { pairSchema } from './prompts/schemas.ts'
import type { Contaminated } from './quality/contamination.ts'
import { refusalIn } from './quality/refusal.ts'
import { rejection, type Task } from './task.ts'
import type { Outcome } from './types.ts'

export interface Context {
  readonly settings: Settings
  readonly contaminated: Contaminated
  readonly signal: AbortSignal
}

/**
 * Asks for the pairs of a task, checks each, and says what came of them: one outcome for each that was asked for and came, one rejection for a
 * reply without any. Rejects for an abort and for fatal failures.
 */
export async function askPairs(task: Task, context: Context): Promise<Outcome[]> {
  const { settings, contaminated, signal } = context
  const { promptKind, chunks, texts, questions } = task
  if (chunks.length === 0)
    return [rejection(task, 'no-text', 'the document, or the part of it that was drawn, holds nothing but white space')]
  if (promptKind === 'multi-chunk' && chunks.length < 2)
    return [rejection(task, 'no-text', 'the document is too short to draw two chunks from')]
  for (const text of texts) {
    const shared = contaminated(text)
    if (shared !== undefined)
      return [rejection(task, 'contaminated', `the chunk shares with the evaluation set: ${JSON.stringify(shared)}`)]
  }
  return orRejection(task, signal, async () => {
    const format = settings.replyFormat
    const prompt = settings.prompts.generation({ kind: promptKind, chunks: texts, questions, format })
    const schema = format === 'json' ? { schema: pairSchema(questions) } : {}
    const isGood = (parsed: ReturnType<typeof parsePairs>): boolean => !('reason' in parsed)
    const { reply, value } = await ask(prompt, parsePairs, isGood, { signal, ...schema }, { task, settings })
    if ('reason' in value) {
      const refused = refusalIn(reply)
      if (refused !== undefined) return [rejection(task, 'refusal', `${JSON.stringify(refused)} instead of a question`, { reply })]
      return [rejection(task, value.reason, value.detail, { reply })]
    }
    const checked = value
      .slice(0, questions)
      .map((pair) => orRejection(task, signal, async () => [await checkPair(pair, task, context)], pair))
    return (await Promise.all(checked)).flat()
  })
}

/** A failed call becomes a rejection of what it was about. */
async function orRejection(
  task: Task,
  signal: AbortSignal,
  make: () => Promise<Outcome[]>,
  made: { question?: string; answer?: string } = {},
): Promise<Outcome[]> {
  try {
    return await make()
  } catch (error) {
    signal.throwIfAborted()
    const { fatal, refused } = marksOf(error)
    if (fatal) throw error
    return [rejection(task, refused ? 'refusal' : 'endpoint-error', error instanceof Error ? error.message : String(error), made)]
  }
}
