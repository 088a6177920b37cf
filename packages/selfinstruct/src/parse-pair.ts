import { fieldsOf } from './tags.ts'

export interface ParsedPair {
  readonly question: string
  readonly answer: string
}

export interface ParseFailure {
  readonly reason: 'unparsable' | 'empty'
  readonly detail: string
}

// a word or a number; "and" is all that stands between the tags of an instruction that was repeated
const saysSomething = (text: string): boolean => /[\p{L}\p{N}]/u.test(text) && text.toLowerCase() !== 'and'

/**
 * The first question with its answer in a model's reply, or why there is none: `unparsable` when a tag is missing altogether, `empty` when the
 * tags hold nothing. Tolerates what chat models do to tags (case, attributes, code fences, closing tags forgotten or doubled, several pairs, entities,
 * prose and `<think>` around). Never throws.
 */
export function parsePair(reply: string): ParsedPair | ParseFailure {
  const fields = fieldsOf(reply, ['question', 'answer'])
  const spoken = fields.filter(({ text }) => saysSomething(text))
  for (const [i, { name, text }] of spoken.entries()) {
    const next = spoken[i + 1]
    if (name === 'question' && next?.name === 'answer') return { question: text, answer: next.text }
  }
  const names = new Set(fields.map(({ name }) => name))
  const excerpt = JSON.stringify(reply.length > 200 ? `${reply.slice(0, 200)}…` : reply)
  if (names.size === 2) return { reason: 'empty', detail: `no question followed by an answer inside the tags of ${excerpt}` }
  const missing = ['question', 'answer'].filter((name) => !names.has(name)).map((name) => `<${name}>`)
  return { reason: 'unparsable', detail: `no ${missing.join(' and no ')} in ${excerpt}` }
}
