import { jsonIn } from './json-in.ts'
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
 * The questions with their answers in a model's reply, in order, or why there is none: `unparsable` when a tag is missing altogether, `empty` when the
 * tags hold nothing. Tolerates what chat models do to tags (case, attributes, code fences, closing tags forgotten or doubled, entities, prose and
 * `<think>` around). A reply in JSON, `{ question, answer }`, a list of them, or one under `pairs`, is as good. Never throws.
 */
export function parsePairs(reply: string): ParsedPair[] | ParseFailure {
  const fields = fieldsInJson(reply) ?? fieldsOf(reply, ['question', 'answer'])
  const spoken = fields.filter(({ text }) => saysSomething(text))
  const pairs = spoken.flatMap(({ name, text }, i) => {
    const next = spoken[i + 1]
    return name === 'question' && next?.name === 'answer' ? [{ question: text, answer: next.text }] : []
  })
  if (pairs.length > 0) return pairs
  const names = new Set(fields.map(({ name }) => name))
  const excerpt = JSON.stringify(reply.length > 200 ? `${reply.slice(0, 200)}…` : reply)
  if (names.size === 2) return { reason: 'empty', detail: `no question followed by an answer inside the tags of ${excerpt}` }
  const missing = ['question', 'answer'].filter((name) => !names.has(name)).map((name) => `<${name}>`)
  return { reason: 'unparsable', detail: `no ${missing.join(' and no ')} in ${excerpt}` }
}

/** The first of them. */
export function parsePair(reply: string): ParsedPair | ParseFailure {
  const parsed = parsePairs(reply)
  return 'reason' in parsed ? parsed : parsed[0]!
}

function fieldsInJson(reply: string): { name: string; text: string }[] | undefined {
  const value = jsonIn(reply)
  const items: readonly unknown[] = Array.isArray(value) ? value : (Object(value).pairs ?? [value])
  if (value === undefined || !Array.isArray(items)) return undefined
  const fields = items.flatMap((item) =>
    ['question', 'answer'].flatMap((name) => {
      const text: unknown = Object(item)[name]
      return typeof text === 'string' || typeof text === 'number' ? [{ name, text: String(text).trim() }] : []
    }),
  )
  return fields.length === 0 ? undefined : fields
}
