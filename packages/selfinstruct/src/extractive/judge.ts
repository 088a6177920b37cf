import { sentencesOf } from '../sentences.ts'
import { spansOf } from './spans.ts'
import { contentWords, NUMBER_WORDS } from './words.ts'

export interface Judgement {
  readonly approved: boolean
  readonly reason: string
}

// one form of quotation marks, apostrophes and white space
const plain = (text: string): string => text.replace(/["“”]/g, "'").replace(/[‘’]/g, "'").replace(/\s+/g, ' ').trim()

const no = (reason: string): Judgement => ({ approved: false, reason })
const yes = (reason: string): Judgement => ({ approved: true, reason })

/**
 * Checks an answer against the passage: it must occur there, and answer the question: fill its gap, go on where its quotation ends, or stand in the
 * one sentence that the question's words come from, with a date for a when and a number for a how many.
 */
export function judge({ chunk, question, answer }: { chunk: string; question: string; answer: string }): Judgement {
  const [text, asked, answered] = [plain(chunk), plain(question), plain(answer)]
  if (!occurs(text, answered)) return no('The answer does not occur in the passage.')
  if (contentWords(answered).length === 0 && !/\d/.test(answered)) return no('The answer says nothing by itself.')
  if (occurs(asked, answered)) return no('The question gives its answer away.')
  const quotation = asked.match(/'(.*)'\?$/)?.[1]?.replace(/^… | …$/g, '')
  if (quotation?.includes('____')) return judgeGap(text, quotation, answered)
  if (quotation !== undefined && asked.includes("follows the words '")) return judgeContinuation(text, quotation, answered)
  return judgeFact(text, asked, answered)
}

function judgeGap(text: string, quotation: string, answered: string): Judgement {
  const places = countOf(
    text,
    quotation.replace('____', () => answered),
  )
  if (places === 0) return no('The answer does not fill the gap.')
  return places === 1 ? yes('The answer fills the gap.') : no('The passage to be filled occurs more than once.')
}

function judgeContinuation(text: string, quotation: string, answered: string): Judgement {
  if (countOf(text, quotation) > 1) return no('The quoted words occur more than once.')
  if (!text.includes(`${quotation} ${answered}`)) return no('The answer does not follow the quotation.')
  return yes('The answer goes on where the quotation ends.')
}

function judgeFact(text: string, asked: string, answered: string): Judgement {
  const words = new Set(contentWords(asked.replace(/^According to the text, |^What is said about /, '')))
  if (words.size === 0) return no('The question names nothing that could be looked for.')
  const subject = asked.match(/ (?:is|are|was|were|has|have|had|will|did|does|about) (\w+)/)?.[1] ?? ''
  if (/^(?:he|she|it|they|this|these|those|him|her|them|there)$/.test(subject)) return no(`The question does not say what '${subject}' is.`)
  const matches = sentencesOf(text).map((sentence) => ({ sentence, share: shareOf(words, sentence) }))
  const best = matches.reduce((a, b) => (b.share > a.share ? b : a))
  if (best.share < 0.8) return no('No sentence of the passage is about what the question asks.')
  if (matches.filter(({ share }) => share === best.share).length > 1) return no('More than one sentence of the passage fits the question.')
  if (!occurs(best.sentence, answered) && !occurs(answered, best.sentence))
    return no('The answer stands in another sentence than what the question asks about.')
  const asksWhen = /^(?:\S+ ){0,4}when\b/i.test(asked)
  if (asksWhen && !spansOf(`the ${answered}`).some(({ type }) => type === 'date' || type === 'year'))
    return no('The question asks for a time, the answer names none.')
  if (/\bhow many\b/i.test(asked) && !new RegExp(`\\d|${NUMBER_WORDS}`, 'i').test(answered))
    return no('The question asks for a number, the answer names none.')
  return yes('The answer stands in the sentence that the question asks about.')
}

/** As whole words, whatever the case. */
function occurs(text: string, part: string): boolean {
  const [whole, sought] = [` ${text.toLowerCase()} `, part.toLowerCase()]
  for (let at = whole.indexOf(sought); at >= 0 && part !== ''; at = whole.indexOf(sought, at + 1)) {
    const isWord = /^[^\p{L}\p{N}]{2}$/u.test(whole.charAt(at - 1) + whole.charAt(at + sought.length))
    if (isWord) return true
  }
  return false
}

const countOf = (text: string, part: string): number => text.split(part).length - 1

function shareOf(words: ReadonlySet<string>, sentence: string): number {
  const there = new Set(contentWords(sentence))
  return Array.from(words).filter((word) => there.has(word)).length / words.size
}
