import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { type RougeScore, rouge1, rouge2, rougeGeometricMean, rougeL, rougeLsum } from 'long-context-eval'
import { describe, expect, it } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'

const metrics = { rouge1, rouge2, rougeL, rougeLsum }
type Scores = Record<string, number[]>
interface Case {
  readonly prediction: string
  readonly references: string[]
  readonly plain: Scores
  readonly stemmed: Scores
}

const golden = (name: string) => JSON.parse(readFileSync(new URL(`./golden/${name}.json`, import.meta.url), 'utf8'))
const { cases }: { cases: Case[] } = golden('rouge')
const { stems }: { stems: Record<string, string> } = golden('stems')

const values = ({ precision, recall, fmeasure }: RougeScore) => [precision, recall, fmeasure]
describe('against Google rouge-score', () => {
  it.each(cases.map((own) => [JSON.stringify(own.prediction).slice(0, 40), own] as const))(
    '%s',
    (_, { prediction, references, plain, stemmed }) => {
      for (const [useStemmer, scores] of [[false, plain] as const, [true, stemmed] as const])
        for (const [name, metric] of Object.entries(metrics))
          expect(values(metric(prediction, references, { useStemmer }))).toEqual(scores[name]) // the same float64 operations, so the same bits
    },
  )

  // what a stemmer does shows in which words match: every word with the first word of its stem, and no two of different stems
  const first = new Map<string, string>()
  for (const [word, stem] of Object.entries(stems)) if (!first.has(stem)) first.set(stem, word)
  const matches = (a: string, b: string) => rouge1(a, b, { useStemmer: true }).fmeasure

  it('matches words that NLTK stems alike', () => {
    expect(Object.entries(stems).filter(([word, stem]) => matches(word, first.get(stem)!) !== 1)).toEqual([])
  })

  it('keeps words apart that NLTK stems differently', () => {
    const words = [...first.values()]
    // two different places differ in some bit, so these few comparisons cover every pair
    for (let bit = 1; bit < words.length; bit *= 2) {
      const [off, on] = [0, bit].map((value) => words.filter((_, i) => (i & bit) === value).join(' '))
      expect(matches(off!, on!)).toBe(0)
    }
  })
})

describe('rouge', () => {
  const words = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 12 }).map((list) => list.join(' '))

  it('a text is its own perfect match, and of the other way round precision and recall change places', () => {
    fc.assert(
      fc.property(words, words, (a, b) => {
        for (const metric of [rouge1, rouge2, rougeL]) {
          const [there, back] = [metric(a, b), metric(b, a)]
          expect([there.precision, there.recall]).toEqual([back.recall, back.precision])
        }
        if (a !== '') expect(rougeL(a, a).fmeasure).toBe(1)
        expect(rougeL(a, b).recall).toBeLessThanOrEqual(rouge1(a, b).recall)
      }),
    )
  })

  it('rougeL is the longest common subsequence (naive recursion)', () => {
    const naive = (a: string[], b: string[]): number => {
      if (a.length === 0 || b.length === 0) return 0
      if (a[0] === b[0]) return 1 + naive(a.slice(1), b.slice(1))
      return Math.max(naive(a.slice(1), b), naive(a, b.slice(1)))
    }
    const short = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(short, short, (a, b) => {
        expect(rougeL(a.join(' '), b.join(' ')).recall * b.length).toBeCloseTo(naive(a, b), 12)
      }),
    )
  })

  it('rougeGeometricMean is the cube root of three F-measures, each over its own best reference', () => {
    const [prediction, references] = ['the quick fox ran', ['quick the fox', 'fox ran away from all of them']]
    const [f1, f2, fL] = [rouge1, rouge2, rougeL].map((metric) => Math.max(...references.map((one) => metric(prediction, one).fmeasure)))
    expectClose([rougeGeometricMean(prediction, references)], [(f1! * f2! * fL!) ** (1 / 3)], { atol: 1e-15 }) // float64, another root
    expect(rougeGeometricMean('same words here', 'same words here')).toBe(1)
    expect(rougeGeometricMean('one', 'one')).toBe(0) // no pair of words, so ROUGE-2 is 0
  })

  it('asks for a reference', () => {
    for (const [name, metric] of Object.entries(metrics)) expect(() => metric('text', [])).toThrow(`${name}: there are no references`)
  })
})
