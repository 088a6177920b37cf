// Stages 6 and 7: question/answer pairs about long documents, and the rows that teach them.
import { exactMatch, type LanguageModel, tokenF1 } from 'long-context-eval'
import { extractiveComplete, instructionTemplate, type PromptKind, selfInstruct } from 'selfinstruct'
import { openAICompatible } from 'selfinstruct/openai'
import type { Document } from 'seq-packer'
import { remember } from './remember.ts'
import { mean } from './report/statistics.ts'
import { describeCounts, type TokenisedText } from './texts.ts'
import { endOfTextId, type TextTokenizer } from './tokenizer.ts'

export interface LongDocument {
  readonly id: string
  readonly text: string
}

export interface Pairs {
  /** Who wrote the pairs, for the report. */
  readonly author: string
  readonly pairs: readonly { documentId: string; promptKind: PromptKind; question: string; answer: string }[]
  /** How many were rejected, by reason. */
  readonly rejected: Readonly<Record<string, number>>
}

export interface AskOptions {
  readonly chatUrl?: string | undefined
  readonly chatModel?: string | undefined
  /** How many pairs to ask for. */
  readonly pairs: number
  /** Every answer of the chat model is kept here as it comes. */
  readonly answersFile: string
  readonly onProgress: (done: number) => void
}

/** Stage 6 (paper §2.2, §4.3): a chat model writes a question and an answer about a random chunk, then checks its own answer. */
export async function askPairs(documents: readonly LongDocument[], options: AskOptions): Promise<Pairs> {
  const { chatUrl, chatModel, pairs: wanted, answersFile, onProgress } = options
  const asked = documents.slice(0, wanted)
  const [complete, author] =
    chatUrl !== undefined && chatModel !== undefined
      ? [
          openAICompatible({ baseURL: chatUrl, model: chatModel, apiKey: process.env.OPENAI_API_KEY ?? 'none' }),
          `${chatModel} at ${chatUrl}`,
        ]
      : [extractiveComplete({ seed: 1 }), 'the built-in extractive generator (no language model)']
  const pairs: Pairs['pairs'][number][] = []
  const rejected: Record<string, number> = {}
  let done = 0
  for await (const outcome of selfInstruct({
    documents: asked,
    complete: remember(complete, author, answersFile),
    kinds: ['normal', 'short'],
    pairsPerDocument: Math.ceil(wanted / asked.length),
    chunkCharacters: 600,
    critique: true,
    seed: 1,
  })) {
    if (outcome.kind === 'rejection') rejected[outcome.reason] = (rejected[outcome.reason] ?? 0) + 1
    else pairs.push({ documentId: outcome.documentId, promptKind: outcome.promptKind, question: outcome.question, answer: outcome.answer })
    onProgress(++done)
  }
  if (pairs.length === 0)
    throw new Error(
      `self-instruct: ${author} gave no usable pair (${describeCounts(rejected)}); its answers are in ${answersFile}. Try another --chat-model, or delete that file and ask again`,
    )
  return { author, rejected, pairs }
}

export const describePairs = ({ author, pairs, rejected }: Pairs): string =>
  `${pairs.length} pairs by ${author}${Object.keys(rejected).length > 0 ? `; rejected: ${describeCounts(rejected)}` : ''}`

/** The documents pairs are asked about: windows of the held texts that fit the context with question and answer, as long as can be. */
export function longDocuments(texts: readonly TokenisedText[], longLength: number): LongDocument[] {
  return texts.flatMap(({ id, text, tokens }) => {
    // template, question and answer take up to a quarter of the context; tokens per character differ from text to text
    const characters = Math.floor((0.75 * longLength * text.length) / tokens.length)
    return Array.from({ length: Math.min(8, Math.floor(text.length / characters)) }, (_, i) => ({
      id: `${id}#${i}`,
      text: text.slice(i * characters, (i + 1) * characters),
    }))
  })
}

export interface Instance {
  /** Tokens of the template with document and question. */
  readonly prompt: readonly number[]
  readonly answer: readonly number[]
  readonly question: string
  readonly reference: string
}

/** Tokens of the paper's template around document and question, the document truncated so that they are at most `most`. */
export function promptOf(of: Parameters<typeof instructionTemplate>[0], tokenizer: TextTokenizer, most: number): number[] {
  const whole = tokenizer.encode(instructionTemplate(of))
  if (whole.length <= most) return whole
  const document = tokenizer.decode(tokenizer.encode(of.document).slice(0, most - whole.length - 4))
  return tokenizer.encode(instructionTemplate({ ...of, document }))
}

/** One instance per pair: the full document, truncated to what fits the context, then question and answer (paper Fig. 11). */
export function instances(
  pairs: Pairs['pairs'],
  documents: readonly LongDocument[],
  tokenizer: TextTokenizer,
  longLength: number,
): Instance[] {
  const byId = new Map(documents.map((document) => [document.id, document.text]))
  const fitting = pairs.flatMap(({ documentId, promptKind, question, answer }) => {
    const reply = [...tokenizer.encode(` ${answer}`), endOfTextId]
    const room = longLength - reply.length - 1
    const prompt = promptOf({ kind: promptKind, document: byId.get(documentId)!, question }, tokenizer, room)
    return prompt.length + reply.length < longLength ? [{ prompt, answer: reply, question, reference: answer }] : []
  })
  if (fitting.length === 0)
    throw new Error(
      `instruct: none of ${pairs.length} pairs fits into ${longLength} tokens with the paper's templates around it; choose a longer --long-length, or a larger --vocabulary-size`,
    )
  return fitting
}

/** Rows' documents for tuning: loss over the whole sequence (the paper's choice) or on the answer only. */
export function tuningDocuments(of: readonly Instance[], loss: 'whole' | 'answers'): Document[] {
  return of.map(({ prompt, answer }, i) => ({
    id: `pair-${i}`,
    source: 'pairs',
    tokens: [endOfTextId, ...prompt, ...answer],
    lossWeights: [0, ...prompt.map(() => (loss === 'whole' ? 1 : 0)), ...answer.map(() => 1)],
  }))
}

export interface Answers {
  /** Mean loss of held-out answers' tokens (nats). */
  readonly loss: number
  /** Token F1 and exact match of greedy answers, means in [0, 1]. */
  readonly f1: number
  readonly exactMatch: number
  /** Loss of plain held-out text, every token of long rows. */
  readonly textLoss: number
  readonly samples: readonly { readonly question: string; readonly reference: string; readonly prediction: string }[]
}

/** What tuning did: answers to held-out questions about held-out documents, and what became of plain text. */
export async function measureAnswers(
  model: LanguageModel,
  of: readonly Instance[],
  windows: readonly Int32Array[],
  tokenizer: TextTokenizer,
  onProgress: (done: number) => void,
): Promise<Answers> {
  const losses: number[] = []
  const samples: Answers['samples'][number][] = []
  for (const { prompt, answer, question, reference } of of) {
    const [own] = await model.tokenLosses([Int32Array.of(endOfTextId, ...prompt, ...answer)])
    losses.push(...own!.subarray(1 + prompt.length))
    const made = await model.generate(Int32Array.from(prompt), { maxNewTokens: 32 })
    samples.push({ question, reference, prediction: tokenizer.decode(made).trim() })
    onProgress(samples.length)
  }
  const text = (await model.tokenLosses(windows)).flatMap((row) => Array.from(row.subarray(1)))
  return {
    loss: mean(losses),
    f1: mean(samples.map(({ prediction, reference }) => tokenF1(prediction, reference))),
    exactMatch: mean(samples.map(({ prediction, reference }) => exactMatch(prediction, reference))),
    textLoss: mean(text),
    samples: samples.slice(0, 4),
  }
}
