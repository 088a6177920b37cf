import { askPair, type Task } from './ask-pair.ts'
import { drawChunk } from './chunk.ts'
import { inOrder } from './in-order.ts'
import { nearDuplicates } from './near-duplicates.ts'
import { type SelfInstructOptions, type Settings, settingsOf } from './options.ts'
import { hash, randomFrom } from './random.ts'
import type { Pair, Rejection } from './types.ts'

/**
 * Questions and answers about long documents, by a chat model that checks its own answers: for every pair a random chunk of the document and one
 * of the prompts with equal probability, one call that asks, one that verifies. Yields `pairsPerDocument` outcomes per document, in the order of
 * the documents: a `Pair`, or a `Rejection` with its reason.
 *
 * What is drawn for a document depends on `seed` and its id alone, so outcomes do not depend on `concurrency`, and a run can go on with the
 * documents that are left. Near-duplicates are judged against the pairs of this run. `break` or an abort ends the calls under way.
 *
 * @throws TypeError or RangeError at once for options that cannot work, and in its turn for a document without id or text, or with an id seen
 * before; Error after `maxConsecutiveErrors` failed calls in a row, with the message of the last; the reason of `signal` when it aborts.
 * @see Xiong et al. 2023, §2.2, §4.3 and Appendix D; Wang et al. 2023 (Self-Instruct), §2.2
 */
export function selfInstruct(options: SelfInstructOptions): AsyncGenerator<Pair | Rejection, void, undefined> {
  return run(settingsOf(options))
}

async function* run(settings: Settings): AsyncGenerator<Pair | Rejection, void, undefined> {
  const { concurrency, duplicates, maxConsecutiveErrors } = settings
  const ended = new AbortController() // the calls under way end with the run, however it ends
  const signal = settings.signal === undefined ? ended.signal : AbortSignal.any([settings.signal, ended.signal])
  // a signal for each pair: clients add listeners to it and do not always take them away
  const underWay = new Set<AbortController>()
  signal.addEventListener('abort', () => {
    for (const call of underWay) call.abort(signal.reason)
  })
  const ask = (task: Task): Promise<Pair | Rejection> => {
    const call = new AbortController()
    underWay.add(call)
    return askPair(task, settings, call.signal).finally(() => underWay.delete(call))
  }
  let [similarTo, documentId, failures] = [nearDuplicates(duplicates.threshold), '', 0]
  try {
    for await (const outcome of inOrder(tasksOf(settings), concurrency, ask, signal)) {
      if (duplicates.within === 'document' && outcome.documentId !== documentId) similarTo = nearDuplicates(duplicates.threshold)
      documentId = outcome.documentId
      const earlier = outcome.kind === 'pair' ? similarTo(outcome.question) : undefined
      if (outcome.kind === 'pair' && earlier !== undefined) yield duplicateOf(outcome, earlier)
      else yield outcome
      if (outcome.kind === 'pair') failures = 0
      else if (outcome.reason !== 'endpoint-error')
        failures = outcome.reason === 'no-text' ? failures : 0 // without text nothing was asked
      else if (++failures === maxConsecutiveErrors) throw new Error(deadEndpoint(outcome, failures))
    }
  } finally {
    ended.abort()
  }
}

async function* tasksOf({ documents, kinds, pairsPerDocument, chunkCharacters, seed }: Settings): AsyncGenerator<Task, void, undefined> {
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
    for (let index = 0; index < pairsPerDocument; index++) {
      const random = randomFrom(hash(`${seed}\n${id}\n${index}`))
      const promptKind = kinds[Math.floor(random() * kinds.length)]!
      const chunk = drawChunk(text, chunkCharacters, random)
      yield { documentId: id, index, promptKind, chunk, chunkText: chunk === undefined ? '' : text.slice(chunk.start, chunk.end) }
    }
  }
}

function duplicateOf({ documentId, promptKind, question }: Pair, earlier: string): Rejection {
  const detail = `${JSON.stringify(question)} is close to the earlier ${JSON.stringify(earlier)}`
  return { kind: 'rejection', documentId, promptKind, reason: 'duplicate', detail }
}

const deadEndpoint = ({ documentId, detail }: Rejection, failures: number): string =>
  `selfInstruct: ${failures} calls of complete failed in a row, the last for document '${documentId}': ${detail} ` +
  'What was yielded before is good. Put the endpoint right, then go on with the documents that are left; or raise maxConsecutiveErrors.'
