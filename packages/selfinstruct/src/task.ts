import type { Chunk } from './chunk.ts'
import type { PromptKind, Rejection, RejectionReason } from './types.ts'

/** The pairs to be made in one call: everything about them that is drawn is drawn already. */
export interface Task {
  readonly documentId: string
  readonly index: number
  readonly promptKind: PromptKind
  /** How many pairs. */
  readonly questions: number
  readonly chunks: readonly Chunk[]
  readonly texts: readonly string[]
}

type Made = Partial<Pick<Rejection, 'question' | 'answer' | 'reply'>>

export const rejection = (
  of: Pick<Task, 'documentId' | 'promptKind' | 'chunks'>,
  reason: RejectionReason,
  detail: string,
  made: Made = {},
): Rejection => ({
  kind: 'rejection',
  documentId: of.documentId,
  promptKind: of.promptKind,
  chunks: of.chunks,
  reason,
  detail,
  ...made,
})
