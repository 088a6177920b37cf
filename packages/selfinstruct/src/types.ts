import type { Chunk } from './chunk.ts'

/** One turn of a chat, as every chat endpoint takes it. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

/** Tokens that one call took, as the server counted them. */
export interface Usage {
  readonly promptTokens: number
  readonly completionTokens: number
}

/** The form of a reply, as servers with structured output take it. */
export interface ReplySchema {
  readonly name: string
  /** A JSON Schema. */
  readonly schema: Readonly<Record<string, unknown>>
}

/** What a call asks of the model besides its messages; a model that cannot do one of these ignores it. */
export interface CompleteOptions {
  readonly signal?: AbortSignal | undefined
  readonly temperature?: number | undefined
  /** Longest reply in tokens. */
  readonly maxTokens?: number | undefined
  /** Below 2³¹; the same seed and messages should give the same reply. */
  readonly seed?: number | undefined
  /** The reply is to be JSON of this form; the messages ask for it too, so that a model without structured output can do it, more or less. */
  readonly schema?: ReplySchema | undefined
  /** Called with what the reply cost, before it is returned, by models that know. */
  readonly onUsage?: ((usage: Usage) => void) | undefined
}

/** Any chat model: messages in, the text of its reply out. A rejected promise counts as a failure of the endpoint. */
export type Complete = (messages: readonly Message[], options?: CompleteOptions) => Promise<string>

/**
 * What is asked about a chunk: the paper's two prompts, a free answer or one of a few words (Xiong et al. 2023, Figs. 10 and 11); a summary of the
 * chunk; or a question that takes two chunks of the document to answer.
 */
export type PromptKind = 'normal' | 'short' | 'summary' | 'multi-chunk'

export interface SourceDocument {
  /** Unique; together with the seed it decides what is drawn for the document. */
  readonly id: string
  readonly text: string
}

export interface Pair {
  readonly kind: 'pair'
  readonly documentId: string
  /** Where in the document the model read, each `text.slice(start, end)`: one chunk, two for 'multi-chunk', in the order of the document. */
  readonly chunks: readonly Chunk[]
  readonly promptKind: PromptKind
  readonly question: string
  readonly answer: string
  /** Share of the answer's telling words that the chunks hold, in [0, 1]. */
  readonly groundedness: number
  /** The reply in which the model approved its answer; absent without critique. */
  readonly critique?: string
  /** What the model answered without the document; absent without closed-book check. */
  readonly closedBookAnswer?: string
}

/** Why there is no pair. */
export type RejectionReason =
  | 'no-text' // the document holds no text
  | 'contaminated' // the chunk, the question or the answer holds words of an evaluation set
  | 'endpoint-error' // the call failed
  | 'unparsable' // the reply has no question and answer
  | 'empty' // or nothing in them
  | 'refusal' // the model declined, or says that the text does not tell
  | 'too-long' // the question or the answer has too many words
  | 'ungrounded' // too few of the answer's words stand in the chunks
  | 'circular' // the answer only repeats the question
  | 'critique-rejected' // the model disapproved of its answer
  | 'critique-unparsable' // or gave no clear verdict
  | 'closed-book' // the model gives the same answer without the document
  | 'duplicate' // the question is close to an earlier one
  | 'no-room' // question, answer and chunks do not fit the context of an instance

export interface Rejection {
  readonly kind: 'rejection'
  readonly documentId: string
  readonly promptKind: PromptKind
  /** What was read; empty for a document without text. */
  readonly chunks: readonly Chunk[]
  readonly reason: RejectionReason
  /** What was rejected and why, for a person to read. */
  readonly detail: string
  /** What had been made by then. */
  readonly question?: string
  readonly answer?: string
  /** The reply that was rejected, as it came: one that cannot be parsed, a refusal, a critique, an answer without the document. */
  readonly reply?: string
}

/** What `selfInstruct` yields. */
export type Outcome = Pair | Rejection
