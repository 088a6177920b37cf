import { instruction } from '../instruction-template.ts'
import type { Message, Pair, PromptKind } from '../types.ts'

/** A row of chat training data, as TRL (conversational language modelling) and axolotl (`type: chat_template`) read it. */
export interface Conversation {
  readonly messages: readonly Message[]
}

/** What of a pair an instance is made of. */
export type Exercise = Pick<Pair, 'documentId' | 'question' | 'answer' | 'chunks'> & { readonly promptKind: PromptKind }

/**
 * A pair as a chat about its whole document: instructions, document and question by the user, the answer by the assistant. The template of the chat
 * is left to whoever trains, and so is cutting to the model's context: TRL and axolotl cut at the end, where the question stands, so pass a `text`
 * that fits (`fittingText`).
 */
export const conversation = ({ promptKind, question, answer }: Exercise, text: string): Conversation => ({
  messages: [
    { role: 'user', content: instruction({ kind: promptKind, document: text, question }) },
    { role: 'assistant', content: answer },
  ],
})

const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/** One line of a JSON Lines file, its end included. Halves of characters, which Python's readers refuse, become U+FFFD. */
export const messagesLine = ({ messages }: Conversation): string =>
  `${JSON.stringify({ messages: messages.map(({ role, content }) => ({ role, content: content.replace(LONE_SURROGATE, '\ufffd') })) })}\n`
