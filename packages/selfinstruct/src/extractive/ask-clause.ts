import { type Clause, clauseOf, midSentence, pronounFor } from './clause.ts'
import type { Proposal, Rule } from './rule.ts'
import { spansOf } from './spans.ts'
import { contentWords, FUNCTION_WORDS, lowered, NUMBER_WORDS } from './words.ts'

const COUNTED = new RegExp(`^(\\d[\\d,]*|${NUMBER_WORDS}) (.+)`, 'i')

/** "The award has recognized …": what has recognized …? "Two ships have …": how many ships have …? */
export function askSubject(sentence: string): Proposal[] {
  const clause = clauseOf(sentence)
  const rest = clause && shortened(clause.rest)
  if (!clause || !rest || contentWords(rest).length < 3) return []
  const counted = COUNTED.exec(clause.subject)
  if (counted) return [{ question: `According to the text, how many ${counted[2]} ${clause.verb} ${rest}?`, answer: counted[1]! }]
  return [{ question: `According to the text, ${pronounFor(clause.subject)} ${clause.verb} ${rest}?`, answer: clause.subject }]
}

/** The first clause of what follows a verb, as much of it as a question can hold; undefined when that is no clause. */
function shortened(rest: string): string | undefined {
  const words = rest.split(/[;:—]|-and |-but |, (?:and|but|for|so|as|yet|which) /)[0]!.split(' ')
  const cut = words.length <= 24 ? words.length - 1 : words.findLastIndex((word, i) => i >= 5 && i < 24 && word.endsWith(','))
  return cut < 0
    ? undefined
    : words
        .slice(0, cut + 1)
        .join(' ')
        .replace(/,$/, '')
}

const PAST_OR_FUTURE = new Set(['was', 'were', 'has', 'have', 'had', 'will', 'shall'])

/** "The board was convened at Watervliet on October 4", "On October 4 the board was …": when was the board convened at Watervliet? */
export const askWhen: Rule = (sentence, { passage }) =>
  spansOf(sentence).flatMap(({ type, start, end }) => {
    if (type !== 'date' && type !== 'year') return []
    const [before, after] = [sentence.slice(0, start), sentence.slice(end)]
    const opens = /^(?:On|In|Since|By) (?:the year )?$/.test(before)
    const closes = / (?:on|in|since|until|till) (?:the year )?$/.exec(before)
    if (!opens && !(closes && /^[,;.]/.test(after))) return []
    const clause = clauseOf(opens ? after.replace(/^(?: last)?,? /, '') : before.slice(0, closes?.index))
    const rest = clause && shortened(clause.rest)
    const asked = rest && PAST_OR_FUTURE.has(clause.verb) ? inverted(clause, rest, passage) : undefined
    return asked ? [{ question: `According to the text, when ${asked}?`, answer: sentence.slice(start, end) }] : []
  })

/** "The demand has become insistent because …": why has the demand become insistent? */
export const askWhy: Rule = (sentence, { passage }) => {
  const clause = clauseOf(sentence)
  const parts = clause?.isAuxiliary
    ? clause.rest.match(/^(.+?),? ((?:because|in order to|in order that|owing to|on account of) .+)$/)
    : undefined
  const asked = clause && parts ? inverted(clause, parts[1]!, passage) : undefined
  return asked && parts ? [{ question: `According to the text, why ${asked}?`, answer: parts[2]! }] : []
}

/** Verb, subject and the rest of their clause; undefined when the rest holds a clause of its own, breaks off, or says too little. */
function inverted({ subject, verb }: Clause, rest: string, passage: string): string | undefined {
  const words = rest.split(' ')
  if (/[,;:—(]| (?:that|which|who|whom|whose|where|when|while) | and (?:is|are|was|were|has|have|had|will) /.test(rest)) return undefined
  if (words.length > 24 || contentWords(rest).length < 2 || FUNCTION_WORDS.has(lowered(words.at(-1)!))) return undefined
  const inside = midSentence(subject, passage)
  return inside === undefined ? undefined : `${verb} ${inside} ${rest}`
}
