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

/** What a call asks of the model besides its messages; a model that cannot do one of these ignores it. */
export interface CompleteOptions {
  readonly signal?: AbortSignal | undefined
  readonly temperature?: number | undefined
  /** Longest reply in tokens. */
  readonly maxTokens?: number | undefined
  /** Below 2³¹; the same seed and messages should give the same reply. */
  readonly seed?: number | undefined
  /** Called with what the reply cost, before it is returned, by models that know. */
  readonly onUsage?: ((usage: Usage) => void) | undefined
}

/** Any chat model: messages in, the text of its reply out. A rejected promise counts as a failure of the endpoint. */
export type Complete = (messages: readonly Message[], options?: CompleteOptions) => Promise<string>

/** Which of the paper's two prompts: a free answer, or one of a few words (Xiong et al. 2023, Figs. 10 and 11). */
export type PromptKind = 'normal' | 'short'

export interface SourceDocument {
  /** Unique; together with the seed it decides what is drawn for the document. */
  readonly id: string
  readonly text: string
}

export interface Pair {
  readonly kind: 'pair'
  readonly documentId: string
  /** Where in the document the model read: `text.slice(start, end)`. */
  readonly chunk: Chunk
  readonly promptKind: PromptKind
  readonly question: string
  readonly answer: string
  /** The reply in which the model approved its answer; absent without critique. */
  readonly critique?: string
}

/**
 * Why there is no pair: the document holds no text; the reply has no question and answer tags, or nothing in them; the question or the answer
 * has too many words; the question is close to an earlier one; the model disapproved of its answer, or gave no clear verdict; the call failed.
 */
export type RejectionReason =
  | 'no-text'
  | 'unparsable'
  | 'empty'
  | 'too-long'
  | 'duplicate'
  | 'critique-rejected'
  | 'critique-unparsable'
  | 'endpoint-error'

export interface Rejection {
  readonly kind: 'rejection'
  readonly documentId: string
  readonly promptKind: PromptKind
  readonly reason: RejectionReason
  /** What was rejected, for a person to read. */
  readonly detail: string
}
