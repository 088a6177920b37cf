import { FUNCTION_WORDS, lowered, MONTHS, NUMBER_WORDS } from './words.ts'

/** A part of a sentence worth asking for; `type` is what a question calls it. */
export interface Span {
  readonly type: 'date' | 'year' | 'sum' | 'number' | 'name' | 'word'
  readonly start: number
  readonly end: number
}

const DATE = new RegExp(
  `(?:the )?\\b\\d{1,2}(?:st|nd|d|rd|th)?(?: day)? of (?:${MONTHS})(?:,? \\d{4})?|\\b(?:${MONTHS}) \\d{1,2}(?:st|nd|d|rd|th)?\\b(?:,? \\d{4}\\b)?|\\b(?:${MONTHS}),? \\d{4}\\b`,
  'g',
)
const YEAR = /(?<![\d,.$£-])\b(?:1[4-9]|20)\d\d\b(?![,.]?\d|-)/g
const SUM = /[$£]\d[\d,]*(?:\.\d+)?(?: (?:hundred|thousand|million|billion|trillion)s?)?/g
const NUMBER = new RegExp(
  `(?<![\\d,.$£-])\\b\\d[\\d,]*(?:\\.\\d+)?\\b(?: (?:hundred|thousand|million|billion|per cent|percent))?(?![\\d-])|(?<!-)\\b${NUMBER_WORDS}\\b(?= \\p{Ll})`,
  'gu',
)
// capitals with at most "of the" or "de la" between them, not at the beginning of the sentence
const NAME =
  /(?<=[\p{L}\p{N},;] (?:[(‘'])?)(?!I\b)(?:(?:Mr|Mrs|Dr|St|Gen|Capt|Hon)\. )?\p{Lu}[\p{L}’'-]+(?: (?:of (?:the )?|de (?:la )?|del |van |von )?\p{Lu}[\p{L}’'-]+)*/gu
const NO_NAME = new RegExp(`^(?:${MONTHS}|\\p{L}+day)$`, 'u')
const ADJECTIVE = /^\S*(?:ian|ican|ban|ish|ern|ese|al|French|Dutch)$/ // "the Spanish minister": a name for nothing
const WORD = /(?<=[\p{Ll},] )\p{Ll}{5,}\b(?![’'-])/gu

/** Dates, sums, numbers, names and telling words of a sentence; none overlaps one of an earlier kind. */
export function spansOf(sentence: string): Span[] {
  const spans: Span[] = []
  const add = (type: Span['type'], pattern: RegExp, keep: (text: string, after: string) => boolean = () => true): void => {
    for (const { index, 0: match } of sentence.matchAll(pattern)) {
      const text = match.replace(/['’]s$/, '')
      const span = { type, start: index, end: index + text.length }
      if (keep(text, sentence.slice(span.end)) && spans.every(({ start, end }) => span.end <= start || span.start >= end)) spans.push(span)
    }
  }
  add('date', DATE)
  add('year', YEAR)
  add('sum', SUM)
  add('number', NUMBER)
  add(
    'name',
    NAME,
    (text, after) => !NO_NAME.test(text) && !FUNCTION_WORDS.has(text.toLowerCase()) && !(ADJECTIVE.test(text) && /^ \p{Ll}/u.test(after)),
  )
  add('word', WORD, (text) => !FUNCTION_WORDS.has(lowered(text)))
  return spans
}
