import { type InstructionTemplateOptions, instructionTemplate } from '../instruction-template.ts'
import { rejection } from '../task.ts'
import type { Rejection } from '../types.ts'
import type { Exercise } from './conversation.ts'
import { fittingText } from './fitting-text.ts'
import { type Encoding, type TokenDocument, weighted } from './token-document.ts'

export interface InstanceOptions extends Encoding {
  readonly pair: Exercise
  /** The whole document that the pair is about. */
  readonly text: string
  /** Tokens of the longest instance, begin and end included. */
  readonly contextLength: number
  /** Weight of the loss on the prompt's tokens: 1 trains on the whole sequence, the paper's choice and the default; 0 on the answer only. */
  readonly promptWeight?: number
  /** Default `instructionTemplate`, the paper's. */
  readonly template?: (options: InstructionTemplateOptions) => string
}

/**
 * A training instance of a pair: the whole document, cut to the context so that the chunks stay in it, then question and answer, as tokens with
 * weights of the loss. Or a rejection with reason 'no-room', where question, answer and chunks do not fit.
 * @throws RangeError for a context that not even the template fits, and for a weight that is negative or no number
 * @see Xiong et al. 2023, §4.3 and Appendix D: the loss on the long prompt makes training more stable, answers being so short
 */
export function instance({
  pair,
  text,
  contextLength,
  promptWeight = 1,
  template = instructionTemplate,
  ...encoding
}: InstanceOptions): TokenDocument | Rejection {
  const { encode, begin = [], end = [] } = encoding
  const { promptKind: kind, question, documentId } = pair
  if (!(promptWeight >= 0 && Number.isFinite(promptWeight)))
    throw new RangeError(
      `instance: promptWeight is ${promptWeight}; it must be a number ≥ 0: 1 for the whole sequence, 0 for answers only.`,
    )
  const least = begin.length + encode(template({ kind, document: '', question: '' })).length + end.length
  if (!(contextLength > least))
    throw new RangeError(
      `instance: contextLength is ${contextLength}, and the template alone takes ${least} tokens; choose a longer context.`,
    )
  const answer = Array.from(encode(` ${pair.answer}`))
  const promptOf = (piece: string) => Array.from(encode(template({ kind, document: piece, question })))
  const room = contextLength - begin.length - answer.length - end.length
  const piece = fittingText(text, pair.chunks, { room, count: (part) => promptOf(part).length })
  if (piece === undefined)
    return rejection(pair, 'no-room', `question, answer and chunks do not fit into ${contextLength} tokens: ${JSON.stringify(question)}`, {
      question,
      answer: pair.answer,
    })
  const parts = [
    { tokens: promptOf(piece), weight: promptWeight },
    { tokens: [...answer, ...end], weight: 1 },
  ]
  return weighted(`${documentId}: ${question}`, 'self-instruct', begin, parts)
}
