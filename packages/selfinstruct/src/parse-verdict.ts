import { jsonIn } from './json-in.ts'
import { fieldsOf } from './tags.ts'

export type Verdict = 'yes' | 'no' | undefined

/**
 * What a critique decided: the `verdict` of a reply in JSON; else the last `<verdict>` that says yes or no and not both; without one, a reply that begins
 * with yes or no; undefined when none of these is there.
 */
export function parseVerdict(reply: string): Verdict {
  const { verdict } = Object(jsonIn(reply))
  if (typeof verdict === 'string') return verdictOf(verdict)
  const verdicts = fieldsOf(reply, ['verdict']).flatMap(({ text }) => verdictOf(text) ?? [])
  return verdicts.at(-1) ?? verdictOf(/^\W*(?:yes|no)\b/i.exec(reply)?.[0] ?? '')
}

function verdictOf(text: string): Verdict {
  const [yes, no] = [/\byes\b/i.test(text), /\bno\b/i.test(text)]
  if (yes === no) return undefined
  return yes ? 'yes' : 'no'
}
