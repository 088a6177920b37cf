import { sentencesOf } from '../sentences.ts'
import { spansOf } from './spans.ts'
import { contentWords, NUMBER_WORDS } from './words.ts'

export interface Judgement {
  readonly approved: boolean
  readonly reason: string
}

// one form of quotation marks, apostrophes and white space
const plain = (text: string): string => text.replace(/["“”]/g, "'").replace(/[‘’]/g, "'").replace(/\s+/g, ' ').trim()

/**
 * Checks an answer against the passage: it must occur there, and answer the question: fill its gap, go on where its quotation ends, or stand in the
 * one sentence that the question's words come from, with a date for a when and a number for a how many.
 */
export function judge({ chunk, question, answer }: { chunk: string; question: string; answer: string }): Judgement {
  const [text, asked, answered] = [plain(chunk), plain(question), plain(answer)]
  const no = (reason: string): Judgement => ({ approved: false, reason })
  const yes = (reason: string): Judgement => ({ approved: true, reason })
  if (!occurs(text, answered)) return no('The answer does not occur in the passage.')
  if (contentWords(answered).length === 0 && !/\d/.test(answered)) return no('The answer says nothing by itself.')
  if (occurs(asked, answered)) return no('The question gives its answer away.')

  const quotation = asked.match(/'(.*)'\?$/)?.[1]?.replace(/^… | …$/g, '')
  if (quotation?.includes('____')) {
    const places = countOf(text, quotation.replace('____', answered))
    return places === 1
      ? yes('The answer fills the gap.')
      : no(places === 0 ? 'The answer does not fill the gap.' : 'The passage to be filled occurs more than once.')
  }
  if (quotation !== undefined && /follows the words '/.test(asked)) {
    if (countOf(text, quotation) > 1) return no('The quoted words occur more than once.')
    return text.includes(`${quotation} ${answered}`)
      ? yes('The answer goes on where the quotation ends.')
      : no('The answer does not follow the quotation.')
  }

  const words = new Set(contentWords(asked.replace(/^According to the text, |^What is said about /, '')))
  if (words.size < 1) return no('The question names nothing that could be looked for.')
  const about = asked.match(/ (?:is|are|was|were|has|have|had|will|did|does|about) (\w+)/)?.[1]
  if (about !== undefined && /^(?:he|she|it|they|this|these|those|him|her|them|there)$/.test(about))
    return no(`The question does not say what '${about}' is.`)
  const matches = sentencesOf(text).map((sentence) => ({ sentence, share: shareOf(words, sentence) }))
  const best = matches.reduce((a, b) => (b.share > a.share ? b : a))
  if (best.share < 0.8) return no('No sentence of the passage is about what the question asks.')
  if (matches.filter(({ share }) => share === best.share).length > 1) return no('More than one sentence of the passage fits the question.')
  if (!occurs(best.sentence, answered) && !occurs(answered, best.sentence))
    return no('The answer stands in another sentence than what the question asks about.')
  const spans = spansOf(`the ${answered}`)
  if (/\bwhen\b/i.test(asked.split(' ').slice(0, 5).join(' ')) && !spans.some(({ type }) => type === 'date' || type === 'year'))
    return no('The question asks for a time, the answer names none.')
  if (/\bhow many\b/i.test(asked) && !new RegExp(`\\d|${NUMBER_WORDS}`, 'i').test(answered))
    return no('The question asks for a number, the answer names none.')
  return yes('The answer stands in the sentence that the question asks about.')
}

/** As whole words, whatever the case. */
function occurs(text: string, part: string): boolean {
  const escaped = part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return part !== '' && new RegExp(`(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])`, 'iu').test(text)
}

const countOf = (text: string, part: string): number => text.split(part).length - 1

function shareOf(words: ReadonlySet<string>, sentence: string): number {
  const there = new Set(contentWords(sentence))
  return Array.from(words).filter((word) => there.has(word)).length / words.size
}
