import { AMBIGUOUS_VERBS, AUXILIARIES, FUNCTION_WORDS, lowered, PERSONS, POINTING_WORDS, VERBS } from './words.ts'

/** A sentence cut behind its subject and its finite verb: "The award" · "has" · "recognized a number of important principles". */
export interface Clause {
  readonly subject: string
  readonly verb: string
  readonly rest: string
  readonly isAuxiliary: boolean
}

const DETERMINERS = new Set(['the', 'a', 'an', 'our', 'my'])
const LONGEST_SUBJECT = 7

/** The subject, verb and rest of a sentence that opens with a plain subject ("The …", "Our …", a name, a noun); undefined for any other. */
export function clauseOf(sentence: string): Clause | undefined {
  const words = sentence.replace(/[.!?]$/, '').split(' ')
  const first = lowered(words[0] ?? '')
  const hasDeterminer = DETERMINERS.has(first)
  if (!hasDeterminer && (FUNCTION_WORDS.has(first) || first.endsWith('ly') || first.endsWith('ing') || first === '')) return undefined
  for (let k = 1; k <= LONGEST_SUBJECT && k < words.length; k++) {
    const word = words[k]!
    const isAuxiliary = AUXILIARIES.has(word)
    const isVerb = VERBS.has(word) || (/ed$/.test(word) && /^(?:the|a|an|his|its|their|our|this|these)$/.test(words[k + 1] ?? ''))
    if (!isAuxiliary && !isVerb) {
      if (
        /[,;:.!?—)"“”(]/.test(words[k - 1]!.replace(/^(?:Mr|Mrs|Dr|St)\.$/, '')) ||
        POINTING_WORDS.has(lowered(word)) ||
        AMBIGUOUS_VERBS.has(word) ||
        (DETERMINERS.has(word) && !FUNCTION_WORDS.has(lowered(words[k - 1]!))) // "The moment our peace": a second subject
      )
        return undefined
      continue
    }
    const [subject, rest] = [words.slice(0, k).join(' '), words.slice(k + 1).join(' ')]
    // "The will of the people": no noun before the verb; "The men of" before a verb: cut short
    if (FUNCTION_WORDS.has(lowered(words[k - 1]!)) || /[,;:—.!?]$/.test(subject)) return undefined
    return { subject, verb: word, rest, isAuxiliary }
  }
  return undefined
}

/** How the subject is asked for: by its head noun, the one before "of". */
export function pronounFor(subject: string): 'who' | 'what' | 'who or what' {
  const words = subject.split(/ (?:of|in|from|to|at|for|with|on) /)[0]!.split(' ')
  if (words.some((word) => PERSONS.has(lowered(word)))) return 'who'
  if (/(?:tion|ment|ity|ness|ship|ance|ence|ism|ies|ions|ments)$/.test(words.at(-1)!)) return 'what'
  return DETERMINERS.has(lowered(words[0]!)) || !/^\p{Lu}/u.test(words.at(-1)!) ? 'what' : 'who or what'
}

/** As it reads within a sentence; undefined where the capital of its first word may be a name's or the sentence's. */
export function midSentence(subject: string, passage: string): string | undefined {
  const first = subject.split(' ')[0]!
  if (DETERMINERS.has(lowered(first))) return subject.charAt(0).toLowerCase() + subject.slice(1)
  const isName =
    /^\p{Lu}\S* \p{Lu}/u.test(subject) || passage.split(first).some((before, i, parts) => i + 1 < parts.length && /\p{Ll} $/u.test(before))
  return isName ? subject : undefined
}
