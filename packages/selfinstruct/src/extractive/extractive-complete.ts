import { critiquePrompt, generationPrompt } from '../prompts.ts'
import { hash, randomFrom } from '../random.ts'
import type { Complete, PromptKind } from '../types.ts'
import { judge } from './judge.ts'
import { propose } from './propose.ts'

/**
 * A stand-in for a chat model that needs none: NOT a language model, but rules for English prose. It understands the prompts of `selfInstruct` only.
 * Asked for a question, it takes a sentence of the passage and asks for a name, a date, a number, a subject, a reason or the words that follow;
 * the answer is a span of the text. Asked to check an answer, it looks whether it occurs and whether it fits the question. Deterministic for
 * its seed and the seed of the call. For examples, tests and baselines; questions that need understanding need a model.
 * @throws Error (the promise rejects) for any other prompt.
 */
export function extractiveComplete({ seed = 0 }: { readonly seed?: number } = {}): Complete {
  return async (messages, options = {}) => {
    options.signal?.throwIfAborted()
    const content = messages.at(-1)?.content ?? ''
    for (const kind of ['normal', 'short'] as const) {
      const chunk = chunkIn(content, kind)
      if (chunk === undefined) continue
      const proposal = propose(chunk, kind, randomFrom(hash(`${seed}\n${options.seed ?? 0}\n${chunk}`)))
      if (proposal === undefined) return 'There is no sentence in this passage that a rule could ask about.'
      return `<question>${escaped(proposal.question)}</question>\n<answer>${escaped(proposal.answer)}</answer>`
    }
    const criticised = pairIn(content)
    if (criticised === undefined)
      throw new Error(
        `extractiveComplete: it understands the prompts of selfInstruct only, not '${content.slice(0, 60)}'. Ask a chat model instead.`,
      )
    const { approved, reason } = judge(criticised)
    return `${reason} <verdict>${approved ? 'yes' : 'no'}</verdict>`
  }
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** The chunk of a generation prompt of this kind: what stands between its fixed beginning and end. */
function chunkIn(content: string, kind: PromptKind): string | undefined {
  const [head = '', tail = ''] = generationPrompt({ kind, chunk: '\0' }).split('\0')
  return between(content, head, tail)
}

function pairIn(content: string): { chunk: string; question: string; answer: string } | undefined {
  const [head = '', middle = '', inner = '', tail = ''] = critiquePrompt({ chunk: '\0', question: '\0', answer: '\0' }).split('\0')
  const body = between(content, head, tail)
  const at = body?.lastIndexOf(inner) ?? -1
  const cut = body?.lastIndexOf(middle, at) ?? -1
  if (body === undefined || at < 0 || cut < 0) return undefined
  return { chunk: body.slice(0, cut), question: body.slice(cut + middle.length, at), answer: body.slice(at + inner.length) }
}

const between = (text: string, head: string, tail: string): string | undefined =>
  text.startsWith(head) && text.endsWith(tail) && text.length >= head.length + tail.length
    ? text.slice(head.length, text.length - tail.length)
    : undefined
