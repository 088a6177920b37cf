import { fieldsOf } from './tags.ts'

/**
 * What a critique decided: the last `<verdict>` that says yes or no and not both; without one, a reply that begins with yes or no;
 * undefined when neither is there.
 */
export function parseVerdict(reply: string): 'yes' | 'no' | undefined {
  const verdicts = fieldsOf(reply, ['verdict']).flatMap(({ text }) => verdictOf(text) ?? [])
  return verdicts.at(-1) ?? verdictOf(/^\W*(?:yes|no)\b/i.exec(reply)?.[0] ?? '')
}

function verdictOf(text: string): 'yes' | 'no' | undefined {
  const [yes, no] = [/\byes\b/i.test(text), /\bno\b/i.test(text)]
  if (yes === no) return undefined
  return yes ? 'yes' : 'no'
}
