// Stages 6 and 7: question/answer pairs about long documents, and the rows that teach them.
import { exactMatch, type LanguageModel, rougeL, tokenF1 } from 'long-context-eval'
import { chatDocument, conversation, extractiveComplete, instance } from 'selfinstruct'
import { openAICompatible } from 'selfinstruct/openai'
import type { Document } from 'seq-packer'
import { askForPairs, type LongDocument, type Pairs } from '../shared/ask-for-pairs.ts'
import { mean } from './report/statistics.ts'
import { describeCounts, type TokenisedText } from './texts.ts'
import { endOfTextId, type TextTokenizer } from './tokenizer.ts'

export interface AskOptions {
  readonly chatUrl?: string | undefined
  readonly chatModel?: string | undefined
  /** How many pairs to ask for. */
  readonly pairs: number
  /** Path of the journal that keeps every answer of this author as it comes. */
  readonly journalOf: (author: string) => string
  readonly onProgress: (done: number) => void
}

/** Stage 6 (paper §2.2, §4.3): a chat model writes a question and an answer about a random chunk, then checks its own answer. */
export async function askPairs(documents: readonly LongDocument[], options: AskOptions): Promise<Pairs> {
  const { chatUrl, chatModel, pairs: wanted, journalOf, onProgress } = options
  const [complete, author] =
    chatUrl !== undefined && chatModel !== undefined
      ? [
          openAICompatible({ baseURL: chatUrl, model: chatModel, apiKey: process.env.OPENAI_API_KEY ?? 'none' }),
          `${chatModel} at ${chatUrl}`,
        ]
      : [extractiveComplete({ seed: 1 }), 'the built-in extractive generator (no language model)']
  const journal = journalOf(author)
  const { pairs, rejected } = await askForPairs(documents, {
    author,
    complete,
    wanted,
    seed: 1,
    chunkCharacters: Math.min(600, documents[0]!.text.length >> 1), // the instance has to hold it beside template, question and answer
    journal,
    onProgress,
  })
  if (pairs.length === 0)
    throw new Error(
      `self-instruct: ${author} gave no usable pair (${describeCounts(rejected)}); its answers are in ${journal}. Try another --chat-model, or delete that file and ask again`,
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

export interface Lesson {
  /** The whole document, truncated to what fits the context, then question and answer (paper Fig. 11); loss on the answer only. */
  readonly answers: Document
  /** The same with loss over the whole sequence, the paper's choice. */
  readonly whole: Document
  /** Short chat data: question and answer about the chunk alone. */
  readonly chat: Document
  readonly question: string
  readonly reference: string
}

/** What a model can learn from each pair, or be asked by it. Pairs that do not fit the context are left out. */
export function lessons(pairs: Pairs['pairs'], documents: readonly LongDocument[], tokenizer: TextTokenizer, longLength: number): Lesson[] {
  const byId = new Map(documents.map((document) => [document.id, document.text]))
  const encoding = { encode: tokenizer.encode, begin: [endOfTextId], end: [endOfTextId] }
  const fitting = pairs.flatMap((pair, i) => {
    const text = byId.get(pair.documentId)!
    const of = { pair, text, contextLength: longLength, ...encoding }
    const [answers, whole] = [instance({ ...of, promptWeight: 0 }), instance(of)]
    if (answers.kind === 'rejection' || whole.kind === 'rejection') return []
    const chunk = pair.chunks.map(({ start, end }) => text.slice(start, end)).join('\n\n')
    const chat = chatDocument(conversation(pair, chunk), { id: `chat-${i}`, ...encoding })
    return [{ answers, whole, chat, question: pair.question, reference: pair.answer }]
  })
  if (fitting.length === 0)
    throw new Error(
      `instruct: none of ${pairs.length} pairs fits into ${longLength} tokens with the paper's templates around it; choose a longer --long-length, or a larger --vocabulary-size`,
    )
  return fitting
}

export interface Answers {
  /** Mean loss of held-out answers' tokens (nats). */
  readonly loss: number
  /** Token F1, ROUGE-L and exact match of greedy answers, means in [0, 1]. */
  readonly f1: number
  readonly rougeL: number
  readonly exactMatch: number
  /** Loss of plain held-out text, every token of long rows. */
  readonly textLoss: number
  readonly samples: readonly { readonly question: string; readonly reference: string; readonly prediction: string }[]
}

/** What tuning did: answers to held-out questions about held-out documents, and what became of plain text. */
export async function measureAnswers(
  model: LanguageModel,
  of: readonly Lesson[],
  windows: readonly Int32Array[],
  tokenizer: TextTokenizer,
  onProgress: (done: number) => void,
): Promise<Answers> {
  const losses: number[] = []
  const samples: Answers['samples'][number][] = []
  for (const { answers, question, reference } of of) {
    const tokens = Int32Array.from(answers.tokens)
    const answerFrom = Array.from(answers.lossWeights!).indexOf(1)
    const [own] = await model.tokenLosses([tokens])
    losses.push(...own!.subarray(answerFrom))
    const made = await model.generate(tokens.subarray(1, answerFrom), { maxNewTokens: 32 })
    samples.push({ question, reference, prediction: tokenizer.decode(made).trim() })
    onProgress(samples.length)
  }
  const text = (await model.tokenLosses(windows)).flatMap((row) => Array.from(row.subarray(1)))
  return {
    loss: mean(losses),
    f1: mean(samples.map(({ prediction, reference }) => tokenF1(prediction, reference))),
    rougeL: mean(samples.map(({ prediction, reference }) => rougeL(prediction, reference).fmeasure)),
    exactMatch: mean(samples.map(({ prediction, reference }) => exactMatch(prediction, reference))),
    textLoss: mean(text),
    samples: samples.slice(0, 4),
  }
}
