import { isProse, type Proposal, type Rule } from './rule.ts'
import { type Span, spansOf } from './spans.ts'

/** The sentence with a span of one of these types left out: which name, date … fills the gap? */
export function askGap(...types: Span['type'][]): Rule {
  return (sentence) =>
    spansOf(sentence).flatMap(({ type, start, end }) => {
      if (!types.includes(type)) return []
      const left = lastWords(sentence.slice(0, start), 16)
      const right = firstWords(sentence.slice(end), 14)
      const answer = sentence.slice(start, end)
      const noun = type === 'sum' ? 'sum of money' : type
      return [{ question: `Which ${noun} fills the gap in this passage: "${left}____${right}"?`, answer }]
    })
}

const LONGEST_ANSWER = 50

/** The sentence as far as its first comma or so: what follows? */
export function askRest(sentence: string): Proposal[] {
  const words = sentence.split(' ')
  if (words.length < 18) return []
  const cut = words.findIndex((word, i) => i >= 9 && i <= 15 && /[,;:]$/.test(word)) + 1 || 12
  const rest = words.slice(cut)
  const length =
    rest.length <= LONGEST_ANSWER ? rest.length : rest.findLastIndex((word, i) => i >= 5 && i < LONGEST_ANSWER && /[,;:]$/.test(word)) + 1
  const answer = rest
    .slice(0, length)
    .join(' ')
    .replace(/[,;:]$/, '')
  return answer === '' ? [] : [{ question: `What follows the words "${words.slice(0, cut).join(' ')}"?`, answer }]
}

/** Which sentence follows this one? */
export const askNext: Rule = (sentence, { next }) => {
  if (next === undefined || !isProse(next) || next.split(' ').length > LONGEST_ANSWER) return []
  return [{ question: `Which sentence follows the words "${lastWords(sentence, 16)}"?`, answer: next }]
}

function lastWords(text: string, count: number): string {
  const words = text.split(' ')
  return words.length <= count ? text : `… ${words.slice(-count).join(' ')}`
}

function firstWords(text: string, count: number): string {
  const words = text.split(' ')
  return words.length <= count ? text : `${words.slice(0, count).join(' ')} …`
}
