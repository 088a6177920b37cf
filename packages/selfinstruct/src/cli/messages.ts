import { closeSync, openSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { conversation, messagesLine } from '../instances/conversation.ts'
import { fittingText } from '../instances/fitting-text.ts'
import type { Pair, SourceDocument } from '../types.ts'
import { readOutcomes } from './read-outcomes.ts'

/**
 * Writes messages.jsonl of the pairs in a folder: chats about whole documents, cut to `maxCharacters` around the chunks. Pairs whose chunks do not fit are left
 * out.
 */
export async function writeMessages(
  folder: string,
  documents: AsyncIterable<SourceDocument>,
  maxCharacters = Number.POSITIVE_INFINITY,
): Promise<void> {
  const pairs = new Map<string, Pair[]>()
  for (const outcome of await readOutcomes(folder))
    if (outcome.kind === 'pair') pairs.set(outcome.documentId, [...(pairs.get(outcome.documentId) ?? []), outcome])
  const path = join(folder, 'messages.jsonl')
  const file = openSync(`${path}.part`, 'w')
  try {
    for await (const { id, text } of documents)
      for (const pair of pairs.get(id) ?? []) {
        const piece = fittingText(text, pair.chunks, { room: maxCharacters, count: ({ length }) => length })
        if (piece !== undefined) writeFileSync(file, messagesLine(conversation(pair, piece)))
      }
  } finally {
    closeSync(file)
  }
  renameSync(`${path}.part`, path)
}
