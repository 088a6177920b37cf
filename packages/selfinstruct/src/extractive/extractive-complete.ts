import { critiquePrompt } from '../prompts/critique.ts'
import { generationInstructions } from '../prompts/generation.ts'
import { hash, randomFrom } from '../random.ts'
import type { Complete } from '../types.ts'
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

/** The chunk of a generation prompt of this kind: what stands between the quotes behind its fixed beginning. */
function chunkIn(content: string, kind: 'normal' | 'short'): string | undefined {
  const head = `${generationInstructions({ kind })}\n`
  return content.startsWith(head) ? QUOTED.exec(content.slice(head.length))?.[1] : undefined
}

const QUOTED = /^(?:"{3,})\n([\s\S]*)\n"{3,}$/

function pairIn(content: string): { chunk: string; question: string; answer: string } | undefined {
  const [head = ''] = critiquePrompt({ chunks: [], question: '', answer: '' }).split('<question>', 1)
  const [, quotation = '', question = '', answer = ''] =
    /^([\s\S]*)\n<question>([\s\S]*)<\/question>\n<answer>([\s\S]*)<\/answer>$/.exec(content.slice(head.length)) ?? []
  const chunk = QUOTED.exec(quotation)?.[1]
  return content.startsWith(head) && chunk !== undefined ? { chunk, question, answer } : undefined
}
