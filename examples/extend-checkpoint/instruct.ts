// Question/answer pairs by the checkpoint itself, the rows that teach them, and answers about a book.
import { generate, type LlamaConfig, type Params } from 'llama-model'
import type { LanguageModel } from 'long-context-eval'
import { type Complete, conversation, type Exercise, extractiveComplete, fittingText, inProcess, instructionTemplate } from 'selfinstruct'
import { type Document, mix, pack } from 'seq-packer'
import type { LongDocument } from '../shared/ask-for-pairs.ts'
import type { Checkpoint } from './model.ts'

/** The checkpoint as the author of pairs, within the context it was trained at; sampled so that a small one does not run in circles. */
export const asAuthor = ({ chat, config, tokenizer }: Checkpoint, params: Params): Complete =>
  inProcess({
    generate: (request) => generate(params, config, { ...request, topP: 0.9, repetitionPenalty: 1.05 }),
    encode: chat.encodeChat,
    decode: chat.decode,
    encodeText: tokenizer.encode,
    stopTokens: endsOf({ chat, config }),
    contextLength: config.maxPositionEmbeddings,
    maxTokens: 160,
    temperature: 0.3,
  })

/** Rules instead of a model; for tests, and for checkpoints that cannot converse. */
export const rules = (seed: number): Complete => extractiveComplete({ seed })

export interface Lesson {
  /** The document as far as it fits, question and answer; loss on all of it, the paper's choice. */
  readonly long: Document
  /** Question and answer about the chunk alone; loss on the answer. */
  readonly short: Document
}

/** What the pairs teach. Those that do not fit into `length` tokens are left out. */
export function lessonsOf(
  pairs: readonly Exercise[],
  documents: readonly LongDocument[],
  checkpoint: Checkpoint,
  length: number,
): Lesson[] {
  const byId = new Map(documents.map(({ id, text }) => [id, text]))
  return pairs.flatMap((pair, i) => {
    const text = byId.get(pair.documentId)!
    const answer = answerTokens(pair.answer, checkpoint)
    const piece = fittingText(text, pair.chunks, { room: length - answer.length, count: (part) => promptOf(pair, part, checkpoint).length })
    if (piece === undefined) return []
    const chunk = pair.chunks.map(({ start, end }) => text.slice(start, end)).join('\n\n')
    const document = (id: string, of: string, promptWeight: number): Document => {
      const prompt = promptOf(pair, of, checkpoint)
      const lossWeights = [...prompt.map(() => promptWeight), ...answer.map(() => 1)]
      return { id, source: 'self-instruct', tokens: [...prompt, ...answer], lossWeights }
    }
    const short = document(`short-${i}`, chunk, 0)
    return short.tokens.length > length ? [] : [{ long: document(`long-${i}`, piece, 1), short }]
  })
}

/** Long instances, one a row, right-padded, and rows of short ones, in turn (paper §4.3); without end. */
export function lessonRows(lessons: readonly Lesson[], length: number, seed: number) {
  const endless = (documents: readonly Document[]) => mix({ documents }, { weights: { documents: 1 }, seed })
  const long = () => pack(endless(lessons.map((lesson) => lesson.long)), { rowLength: length, strategy: 'pad' })
  const short = () => pack(endless(lessons.map((lesson) => lesson.short)), { rowLength: length, strategy: 'best-fit', buffer: 64 })
  return mix({ long, short }, { weights: { long: 1, short: 1 }, seed })
}

export interface Asked {
  readonly question: string
  readonly answer: string
  /** Tokens of the prompt. */
  readonly tokens: number
}

// whatever the book is; the last asks for what stands at the other end of the context
const questions = [
  'What is this text about?',
  'Name one person or place that the text mentions.',
  'What is the first sentence of the text? Repeat it word for word.',
]

/** Answers about as much of `text` as fits into the context. */
export async function answersAbout(
  text: string,
  model: LanguageModel,
  checkpoint: Checkpoint,
  { length, maxNewTokens }: { length: number; maxNewTokens: number },
): Promise<Asked[]> {
  const asked: Asked[] = []
  for (const question of questions) {
    const prompted = (piece: string) =>
      promptOf({ promptKind: 'normal', question, answer: '', documentId: '', chunks: [] }, piece, checkpoint)
    const room = length - maxNewTokens
    const piece = fittingText(text, [{ start: 0, end: 0 }], { room, count: (part) => prompted(part).length })
    const tokens = Int32Array.from(prompted(piece ?? ''))
    const made = await model.generate(tokens, { maxNewTokens })
    asked.push({ question, answer: checkpoint.tokenizer.decode(made).trim(), tokens: tokens.length })
  }
  return asked
}

const endsOf = ({ chat, config }: { chat: Checkpoint['chat']; config: LlamaConfig }): number[] => [
  ...new Set([...chat.endTokens, ...[config.eosTokenId ?? []].flat()]),
]

/** By the chat template of the checkpoint, else by the paper's. */
function promptOf(pair: Exercise, document: string, checkpoint: Checkpoint): number[] {
  const { promptKind: kind, question } = pair
  if (checkpoint.isChatModel) return checkpoint.chat.encodeChat(conversation(pair, document).messages.slice(0, 1))
  return [...checkpoint.begin, ...Array.from(checkpoint.tokenizer.encode(instructionTemplate({ kind, document, question })))]
}

const answerTokens = (answer: string, checkpoint: Checkpoint): number[] => [
  ...Array.from(checkpoint.tokenizer.encode(checkpoint.isChatModel ? answer : ` ${answer}`)),
  ...endsOf(checkpoint).slice(0, 1),
]
