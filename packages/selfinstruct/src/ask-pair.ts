import type { Chunk } from './chunk.ts'
import { marksOf } from './failure.ts'
import type { Settings } from './options.ts'
import { parsePair } from './parse-pair.ts'
import { parseVerdict } from './parse-verdict.ts'
import { critiquePrompt, generationPrompt } from './prompts.ts'
import { hash } from './random.ts'
import { rougeTokens } from './rouge-l.ts'
import type { CompleteOptions, Pair, PromptKind, Rejection, RejectionReason } from './types.ts'

/** One pair to be made: everything about it that is drawn is drawn already. */
export interface Task {
  readonly documentId: string
  readonly index: number
  readonly promptKind: PromptKind
  /** Undefined for a document without text. */
  readonly chunk: Chunk | undefined
  readonly chunkText: string
}

/** Beyond this many words the "question" is a copy of the chunk rather than a question. */
const MAX_QUESTION_WORDS = 120

/** Asks for a pair, lets the model check it, and says what came of it. Rejects for an abort and for fatal failures. */
export async function askPair(task: Task, settings: Settings, signal: AbortSignal): Promise<Pair | Rejection> {
  const { documentId, promptKind, chunk, chunkText } = task
  const reject = (reason: RejectionReason, detail: string): Rejection => ({ kind: 'rejection', documentId, promptKind, reason, detail })
  if (chunk === undefined) return reject('no-text', 'the document, or the part of it that was drawn, holds nothing but white space')
  try {
    const parsed = await untilParsed(generationPrompt({ kind: promptKind, chunk: chunkText }), parsePair, (p) => !('reason' in p), {})
    if ('reason' in parsed.value) return reject(parsed.value.reason, parsed.value.detail)
    const { question, answer } = parsed.value
    const tooLong = tooLongFor(question, answer, settings.maxAnswerWords[promptKind])
    if (tooLong !== undefined) return reject('too-long', tooLong)
    const pair: Pair = { kind: 'pair', documentId, chunk, promptKind, question, answer }
    if (!settings.critique) return pair
    // as deterministic as the model can be: a judge needs no imagination
    const verdict = await untilParsed(critiquePrompt({ chunk: chunkText, question, answer }), parseVerdict, (v) => v !== undefined, {
      temperature: 0,
    })
    if (verdict.value === 'yes') return { ...pair, critique: verdict.reply }
    return reject(
      verdict.value === 'no' ? 'critique-rejected' : 'critique-unparsable',
      `${JSON.stringify(verdict.reply)} about question ${JSON.stringify(question)}, answer ${JSON.stringify(answer)}`,
    )
  } catch (error) {
    signal.throwIfAborted()
    if (marksOf(error).fatal) throw error
    return reject('endpoint-error', error instanceof Error ? error.message : String(error))
  }

  async function untilParsed<Parsed>(
    content: string,
    parse: (reply: string) => Parsed,
    isGood: (parsed: Parsed) => boolean,
    options: CompleteOptions,
  ): Promise<{ reply: string; value: Parsed }> {
    for (let attempt = 0; ; attempt++) {
      const seed = hash(`${settings.seed}\n${documentId}\n${task.index}\n${attempt}`) >>> 1
      const reply: unknown = await settings.complete([{ role: 'user', content }], { ...options, seed, signal })
      if (typeof reply !== 'string') throw new TypeError(`complete returned ${String(reply)}; it must return a promise of a text.`)
      const value = parse(reply)
      if (isGood(value) || attempt >= settings.retries) return { reply, value }
    }
  }
}

function tooLongFor(question: string, answer: string, maxAnswerWords: number): string | undefined {
  const [asked, answered] = [rougeTokens(question).length, rougeTokens(answer).length]
  if (asked > MAX_QUESTION_WORDS) return `a question of ${asked} words, at most ${MAX_QUESTION_WORDS}`
  if (answered > maxAnswerWords) return `an answer of ${answered} words, at most ${maxAnswerWords}, to ${JSON.stringify(question)}`
  return undefined
}
