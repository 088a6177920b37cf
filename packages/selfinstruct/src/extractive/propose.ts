import { sentencesOf } from '../sentences.ts'
import { askAbout } from './ask-about.ts'
import { askSubject, askWhen, askWhy } from './ask-clause.ts'
import { askGap, askNext, askRest } from './ask-quotation.ts'
import { isProse, type Proposal, type Rule } from './rule.ts'

/** Rules with how often each is preferred where several apply: real questions before gaps, gaps for facts before gaps for words. */
const RULES: Readonly<Record<'normal' | 'short', readonly (readonly [weight: number, rule: Rule])[]>> = {
  short: [
    [6, askWhen],
    [6, askSubject],
    [3, askGap('date', 'year', 'sum', 'number')],
    [2, askGap('name')],
    [0.5, askGap('word')],
  ],
  normal: [
    [8, askWhy],
    [4, askAbout],
    [2, askRest],
    [1, askNext],
  ],
}

/** A question and answer drawn from the passage; undefined when no rule finds one. */
export function propose(chunk: string, kind: 'normal' | 'short', random: () => number): Proposal | undefined {
  const sentences = sentencesOf(chunk)
  const usable = sentences.flatMap((sentence, i) => (isProse(sentence) ? [{ sentence, next: sentences[i + 1] }] : []))
  const found = RULES[kind].flatMap(([weight, rule]) => {
    const proposals = usable.flatMap(({ sentence, next }) => rule(sentence, { next, passage: chunk }))
    return proposals.length === 0 ? [] : [{ weight, proposals }]
  })
  const total = found.reduce((sum, { weight }) => sum + weight, 0)
  const at = random() * total
  const sums = found.map((_, i) => found.slice(0, i + 1).reduce((sum, { weight }) => sum + weight, 0))
  const chosen = found[sums.findIndex((sum) => at < sum)]?.proposals
  return chosen?.[Math.floor(random() * chosen.length)]
}
