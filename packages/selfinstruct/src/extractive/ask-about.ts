import type { Proposal } from './rule.ts'
import { spansOf } from './spans.ts'
import { contentWords, FUNCTION_WORDS, lowered, POINTING_WORDS } from './words.ts'

/** What is said about the two or three names and things that the sentence brings together? */
export function askAbout(sentence: string): Proposal[] {
  if (POINTING_WORDS.has(lowered(sentence.split(' ')[0]!)) || sentence.split(' ').length > 60) return []
  const names = spansOf(sentence).flatMap(({ type, start, end }) =>
    type === 'name'
      ? [{ topic: `${sentence.slice(0, start).endsWith(' the ') ? 'the ' : ''}${sentence.slice(start, end)}`, at: start }]
      : [],
  )
  const things = Array.from(
    sentence.matchAll(
      /\bthe (?:\p{Ll}{4,} )?\p{Ll}{4,} of (?:the |our )?\p{Ll}{4,}(?=[,.;:]| (?:and|or|in|of|to|by|for|on|at|as|from|with|which|that|is|are|was|were|has|have|shall|will|would|may)\b)/gu,
    ),
    ({ 0: topic, index: at }) => ({ topic, at }),
  )
  const topics = [...names, ...things.filter(({ topic }) => isThing(topic))].sort((a, b) => a.at - b.at).map(({ topic }) => topic)
  const distinct = [...new Set(topics)].slice(0, 3)
  const joined = distinct.length < 3 ? distinct.join(' and ') : `${distinct[0]}, ${distinct[1]} and ${distinct[2]}`
  // one topic would fit too many sentences of a long document
  return distinct.length < 2 || contentWords(joined).length < 3 ? [] : [{ question: `What is said about ${joined}?`, answer: sentence }]
}

// "the authority of the president", not "the purpose of establishing" or "the rights of every"
const isThing = (topic: string): boolean => !/(?:ing|ly)\b/.test(topic) && !FUNCTION_WORDS.has(topic.split(' ').at(-1)!)
