import { askPairs } from './ask-pairs.ts'
import { drawChunk, drawChunks } from './chunk.ts'
import { inOrder } from './in-order.ts'
import { nearDuplicates } from './near-duplicates.ts'
import { type SelfInstructOptions, type Settings, settingsOf } from './options.ts'
import { contamination } from './quality/contamination.ts'
import { hash, randomFrom } from './random.ts'
import { rejection, type Task } from './task.ts'
import type { Outcome, Pair, Rejection } from './types.ts'

/**
 * Questions and answers about long documents, by a chat model that checks its own answers: for every chunk, drawn at random, one
 * of the prompts with equal probability, one call that asks, one that verifies each answer. Yields `pairsPerDocument` outcomes per document, in the
 * order of the documents: a `Pair`, or a `Rejection` with its reason. (Fewer where
 * `questionsPerChunk` is more than 1 and a reply fails or gives less.)
 *
 * What is drawn for a document depends on `seed` and its id alone, so outcomes do not depend on `concurrency`, and a run can go on with the
 * documents that are left. Near-duplicates are judged against the pairs of this run. `break` or an abort ends the calls under way.
 *
 * @throws TypeError or RangeError at once for options that cannot work, and in its turn for a document without id or text, or with an id seen
 * before; Error after `maxConsecutiveErrors` failed calls in a row, with the message of the last; the reason of `signal` when it aborts.
 * @see Xiong et al. 2023, §2.2, §4.3 and Appendix D; Wang et al. 2023 (Self-Instruct), §2.2
 */
export function selfInstruct(options: SelfInstructOptions): AsyncGenerator<Outcome, void, undefined> {
  return run(settingsOf(options))
}

async function* run(settings: Settings): AsyncGenerator<Outcome, void, undefined> {
  const { concurrency, duplicates, maxConsecutiveErrors } = settings
  const ended = new AbortController() // the calls under way end with the run, however it ends
  const signal = settings.signal === undefined ? ended.signal : AbortSignal.any([settings.signal, ended.signal])
  // a signal for each pair: clients add listeners to it and do not always take them away
  const underWay = new Set<AbortController>()
  signal.addEventListener('abort', () => {
    for (const call of underWay) call.abort(signal.reason)
  })
  const contaminated = contamination(settings.evaluation)
  const ask = (task: Task): Promise<Outcome[]> => {
    const call = new AbortController()
    underWay.add(call)
    return askPairs(task, { settings, contaminated, signal: call.signal }).finally(() => underWay.delete(call))
  }
  let [similarTo, documentId, failures] = [nearDuplicates(duplicates.threshold), '', 0]
  try {
    for await (const outcomes of inOrder(tasksOf(settings), concurrency, ask, signal)) {
      for (const outcome of outcomes) {
        if (duplicates.within === 'document' && outcome.documentId !== documentId) similarTo = nearDuplicates(duplicates.threshold)
        documentId = outcome.documentId
        const earlier = outcome.kind === 'pair' ? similarTo(outcome.question) : undefined
        yield outcome.kind === 'pair' && earlier !== undefined ? duplicateOf(outcome, earlier) : outcome
        failures = failuresAfter(outcome, failures)
        if (failures === maxConsecutiveErrors && outcome.kind === 'rejection') throw new Error(deadEndpoint(outcome, failures))
      }
    }
  } finally {
    ended.abort()
  }
}

async function* tasksOf({
  documents,
  kinds,
  pairsPerDocument,
  questionsPerChunk,
  chunkCharacters,
  seed,
}: Settings): AsyncGenerator<Task, void, undefined> {
  const seen = new Set<string>()
  for await (const document of documents) {
    const { id, text } = Object(document)
    if (typeof id !== 'string' || typeof text !== 'string')
      throw new TypeError(
        `selfInstruct: document ${seen.size} has an id of type ${typeof id} and a text of type ${typeof text}; both must be strings.`,
      )
    if (seen.has(id))
      throw new RangeError(`selfInstruct: two documents have the id '${id}'; give each its own, pairs refer to documents by it.`)
    seen.add(id)
    for (let index = 0; index * questionsPerChunk < pairsPerDocument; index++) {
      const random = randomFrom(hash(`${seed}\n${id}\n${index}`))
      const promptKind = kinds[Math.floor(random() * kinds.length)]!
      const chunks =
        promptKind === 'multi-chunk' ? drawChunks(text, chunkCharacters, random) : [drawChunk(text, chunkCharacters, random) ?? []].flat()
      const questions = Math.min(questionsPerChunk, pairsPerDocument - index * questionsPerChunk)
      yield { documentId: id, index, promptKind, questions, chunks, texts: chunks.map(({ start, end }) => text.slice(start, end)) }
    }
  }
}

function duplicateOf(pair: Pair, earlier: string): Rejection {
  const { question, answer } = pair
  return rejection(pair, 'duplicate', `${JSON.stringify(question)} is close to the earlier ${JSON.stringify(earlier)}`, {
    question,
    answer,
  })
}

/** Failed calls in a row. Documents without text, and chunks of an evaluation set, say nothing about the endpoint: nothing was asked. */
function failuresAfter(outcome: Outcome, before: number): number {
  if (outcome.kind === 'pair') return 0
  if (outcome.reason === 'endpoint-error') return before + 1
  const wasAsked = outcome.reason !== 'no-text' && !(outcome.reason === 'contaminated' && outcome.question === undefined)
  return wasAsked ? 0 : before
}

const deadEndpoint = ({ documentId, detail }: Rejection, failures: number): string =>
  `selfInstruct: ${failures} calls of complete failed in a row, the last for document '${documentId}': ${detail} ` +
  'What was yielded before is good. Put the endpoint right, then go on with the documents that are left; or raise maxConsecutiveErrors.'
