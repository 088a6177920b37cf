// Question/answer pairs about long documents, checked by their author.
import { type Exercise, type SelfInstructOptions, selfInstruct } from 'selfinstruct'
import { openJournal } from 'selfinstruct/node'

export interface LongDocument {
  readonly id: string
  readonly text: string
}

export interface Pairs {
  /** Who wrote the pairs, for the report. */
  readonly author: string
  readonly pairs: readonly Exercise[]
  /** How many were rejected, by reason. */
  readonly rejected: Readonly<Record<string, number>>
}

export interface AskOptions extends Pick<SelfInstructOptions, 'complete' | 'seed' | 'chunkCharacters' | 'replyFormat' | 'prompts'> {
  readonly author: string
  /** How many pairs to ask for. */
  readonly wanted: number
  /** Keeps every reply as it comes, so that none is asked for twice. */
  readonly journal: string
  readonly onProgress: (done: number) => void
}

/** Asks for pairs about the documents (paper §2.2, §4.3); the author checks its own answers. */
export async function askForPairs(documents: readonly LongDocument[], options: AskOptions): Promise<Pairs> {
  const { author, complete, wanted, journal: file, onProgress, ...how } = options
  const asked = documents.slice(0, wanted)
  const pairs: Exercise[] = []
  const rejected: Record<string, number> = {}
  let done = 0
  const journal = await openJournal(file, { run: author })
  for await (const outcome of selfInstruct({
    ...how,
    documents: asked,
    complete: journal.remember(complete),
    kinds: ['normal', 'short'],
    pairsPerDocument: Math.ceil(wanted / asked.length),
    critique: true,
  })) {
    if (outcome.kind === 'rejection') rejected[outcome.reason] = (rejected[outcome.reason] ?? 0) + 1
    else {
      const { documentId, promptKind, question, answer, chunks } = outcome
      pairs.push({ documentId, promptKind, question, answer, chunks })
    }
    onProgress(++done)
  }
  await journal.close()
  return { author, pairs, rejected }
}
