import type { Message } from '../types.ts'
import type { Conversation } from './conversation.ts'
import { type Encoding, type TokenDocument, weighted } from './token-document.ts'

export interface ChatDocumentOptions extends Encoding {
  readonly id: string
  /** Default 'chat'. */
  readonly source?: string
  /** Weight of the loss on everything that the assistant did not say; default 0. */
  readonly promptWeight?: number
  /** A turn in the template of the model; default Llama 2's, `[INST] … [/INST]` around what users say. */
  readonly turn?: (message: Message, before: Message | undefined) => string
}

/**
 * A chat of any turns as one document: the short data, which the paper concatenates to rows of 16,384 tokens. What the assistant says, and the `end`
 * after it, has weight 1.
 * @throws RangeError for a chat in which the assistant says nothing
 */
export function chatDocument(
  { messages }: Conversation,
  { id, source = 'chat', promptWeight = 0, turn = llama2Turn, encode, begin = [], end = [] }: ChatDocumentOptions,
): TokenDocument {
  if (!messages.some(({ role }) => role === 'assistant'))
    throw new RangeError(`chatDocument: in '${id}' the assistant says nothing; there is nothing to learn.`)
  const parts = messages.map((message, i) => {
    const tokens = Array.from(encode(turn(message, messages[i - 1])))
    return message.role === 'assistant' ? { tokens: [...tokens, ...end], weight: 1 } : { tokens, weight: promptWeight }
  })
  return weighted(id, source, begin, parts)
}

/** A system prompt stands inside the brackets of the user's turn that follows it. */
function llama2Turn({ role, content }: Message, before: Message | undefined): string {
  if (role === 'assistant') return ` ${content}`
  if (role === 'system') return ''
  return `[INST] ${before?.role === 'system' ? `<<SYS>>\n${before.content}\n<</SYS>>\n\n` : ''}${content} [/INST]`
}
