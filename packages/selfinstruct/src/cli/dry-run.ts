import { costOf, type Price } from '../limits/spending.ts'
import type { SelfInstructOptions } from '../options.ts'
import { DEFAULT_PROMPTS, messagesOf, type Prompt, type Prompts } from '../prompts/prompts.ts'
import { selfInstruct } from '../self-instruct.ts'

type Name = keyof Prompts

/** Tokens of a reply that the estimate takes, by prompt. */
const REPLY_TOKENS: Readonly<Record<Name, number>> = { generation: 120, critique: 80, closedBook: 60 }
const TITLES: Readonly<Record<Name, string>> = {
  generation: 'asks for a pair',
  critique: 'checks the answer',
  closedBook: 'asks without the document',
}

/**
 * Prints one prompt of each kind as it would be sent, and how many requests and tokens a run takes if every pair passes all checks at the first try.
 * A token is taken for four characters.
 */
export async function dryRun(options: Omit<SelfInstructOptions, 'complete'>, price: Price): Promise<void> {
  const shown = new Map<Name, Prompt>()
  const counts = { requests: 0, documents: new Set<string>(), promptTokens: 0, completionTokens: 0 }
  const seen = (name: Name, prompt: Prompt): Prompt => {
    if (!shown.has(name)) shown.set(name, prompt)
    counts.requests++
    counts.promptTokens += messagesOf(prompt).reduce((sum, { content }) => sum + content.length / 4, 0)
    counts.completionTokens += REPLY_TOKENS[name] * (name === 'generation' ? (options.questionsPerChunk ?? 1) : 1)
    reply = replyTo(name, counts.requests, options.questionsPerChunk ?? 1)
    return prompt
  }
  let reply = ''
  const prompts: Prompts = {
    generation: (own) => seen('generation', DEFAULT_PROMPTS.generation(own)),
    critique: (own) => seen('critique', DEFAULT_PROMPTS.critique(own)),
    closedBook: (own) => seen('closedBook', DEFAULT_PROMPTS.closedBook(own)),
  }
  // every reply is taken, so that every prompt is made
  const complete = async (): Promise<string> => reply
  const passing = { minGroundedness: 0, duplicates: { threshold: 1, within: 'all' }, concurrency: 1 } as const
  for await (const { documentId } of selfInstruct({ ...options, ...passing, prompts, complete })) counts.documents.add(documentId)
  for (const [name, prompt] of shown) {
    console.log(`---- ${name}: ${TITLES[name]} ----`)
    for (const { role, content } of messagesOf(prompt)) console.log(`[${role}]\n${content}\n`)
  }
  const { requests, documents, promptTokens, completionTokens } = counts
  const number = (value: number): string => Math.round(value).toLocaleString('en-US')
  const money = costOf({ promptTokens, completionTokens }, price)
  console.log(
    `${number(documents.size)} documents, at most ${number(requests)} requests if all replies can be read: about ${number(promptTokens)} tokens of prompts (4 characters each) ` +
      `and ${number(completionTokens)} of replies (${REPLY_TOKENS.generation} for a pair, ${REPLY_TOKENS.critique} for a check)` +
      `${money > 0 ? `, which cost ${money.toPrecision(3)}` : '; --price-prompt and --price-completion make a price of it'}. Nothing was requested or written.`,
  )
}

const replyTo = (name: Name, number: number, questions: number): string => {
  if (name === 'critique') return '<verdict>yes</verdict>'
  if (name === 'closedBook') return 'unknown'
  return Array.from({ length: questions }, (_, i) => `<question>question ${number} ${i}</question><answer>an answer</answer>`).join('\n')
}
