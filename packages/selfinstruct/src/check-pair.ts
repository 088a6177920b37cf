import { ask } from './ask.ts'
import type { Context } from './ask-pairs.ts'
import type { ParsedPair } from './parse-pair.ts'
import { parseVerdict } from './parse-verdict.ts'
import { verdictSchema } from './prompts/schemas.ts'
import { groundedness, isCircular } from './quality/groundedness.ts'
import { refusalIn } from './quality/refusal.ts'
import { tokenF1 } from './quality/token-f1.ts'
import { rougeTokens } from './rouge-l.ts'
import { rejection, type Task } from './task.ts'
import type { Outcome, Pair, Rejection, RejectionReason } from './types.ts'

/** Beyond this many words the "question" is a copy of the chunk rather than a question. */
const MAX_QUESTION_WORDS = 120

/** A pair that was made, through all checks, those that take no call first. */
export async function checkPair({ question, answer }: ParsedPair, task: Task, context: Context): Promise<Outcome> {
  const { documentId, promptKind, chunks, texts } = task
  const pair: Pair = { kind: 'pair', documentId, chunks, promptKind, question, answer, groundedness: groundedness(answer, texts) }
  const flaw = flawOf(pair, context)
  if (flaw !== undefined) return rejection(task, flaw.reason, flaw.detail, { question, answer })
  const approved = context.settings.critique ? await criticised(pair, task, context) : pair
  return approved.kind === 'pair' && context.settings.maxClosedBookF1 < 1 ? askedClosedBook(approved, task, context) : approved
}

interface Flaw {
  readonly reason: RejectionReason
  readonly detail: string
}

function flawOf(pair: Pair, { settings, contaminated }: Context): Flaw | undefined {
  const { question, answer } = pair
  const refused = refusalIn(answer) ?? refusalIn(question)
  if (refused !== undefined) return { reason: 'refusal', detail: `${JSON.stringify(refused)} ${about(pair)}` }
  const [asked, answered] = [rougeTokens(question).length, rougeTokens(answer).length]
  const longest = settings.maxAnswerWords[pair.promptKind]
  if (asked > MAX_QUESTION_WORDS) return { reason: 'too-long', detail: `a question of ${asked} words, at most ${MAX_QUESTION_WORDS}` }
  if (answered > longest)
    return { reason: 'too-long', detail: `an answer of ${answered} words, at most ${longest}, to ${JSON.stringify(question)}` }
  if (pair.groundedness < settings.minGroundedness)
    return {
      reason: 'ungrounded',
      detail: `${Math.round(100 * pair.groundedness)} % of the answer's words stand in the text, at least ${Math.round(100 * settings.minGroundedness)} %: ${about(pair)}`,
    }
  if (isCircular(question, answer)) return { reason: 'circular', detail: `the answer only repeats the question ${about(pair)}` }
  const shared = contaminated(question) ?? contaminated(`${question} ${answer}`)
  if (shared !== undefined)
    return { reason: 'contaminated', detail: `the pair shares with the evaluation set: ${JSON.stringify(shared)}, ${about(pair)}` }
  return undefined
}

async function criticised(pair: Pair, task: Task, { settings, signal }: Context): Promise<Pair | Rejection> {
  const { question, answer } = pair
  const format = settings.replyFormat
  const prompt = settings.prompts.critique({ chunks: task.texts, question, answer, format })
  // as deterministic as the model can be: a judge needs no imagination
  const options = { signal, temperature: 0, ...(format === 'json' && { schema: verdictSchema }) }
  const { reply, value } = await ask(prompt, parseVerdict, (verdict) => verdict !== undefined, options, { task, settings })
  if (settings.approves(value, reply)) return { ...pair, critique: reply }
  const reason = value === undefined ? 'critique-unparsable' : 'critique-rejected'
  return rejection(task, reason, `${JSON.stringify(reply)} ${about(pair)}`, { question, answer, reply })
}

async function askedClosedBook(pair: Pair, task: Task, { settings, signal }: Context): Promise<Pair | Rejection> {
  const { question, answer } = pair
  const prompt = settings.prompts.closedBook({ question })
  const { reply } = await ask(prompt, String, () => true, { signal, temperature: 0 }, { task, settings })
  const agreement = tokenF1(reply, answer)
  if (agreement <= settings.maxClosedBookF1) return { ...pair, closedBookAnswer: reply }
  const detail = `without the document the model says ${JSON.stringify(reply)} (F1 ${agreement.toFixed(2)}) ${about(pair)}`
  return rejection(task, 'closed-book', detail, { question, answer, reply })
}

const about = ({ question, answer }: Pair): string => `about question ${JSON.stringify(question)}, answer ${JSON.stringify(answer)}`
