import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { exactMatch, tokenF1 } from 'long-context-eval'
import { expect, it } from 'vitest'

interface Case {
  readonly prediction: string
  readonly references: string[]
  readonly exactMatch: number
  readonly f1: number
}
const { cases }: { cases: Case[] } = JSON.parse(readFileSync(new URL('./golden/squad.json', import.meta.url), 'utf8'))

it.each(cases.map((own) => [JSON.stringify(own.prediction), own] as const))('equals the SQuAD 2.0 definition: %s', (_, own) => {
  expect(exactMatch(own.prediction, own.references)).toBe(own.exactMatch)
  expect(tokenF1(own.prediction, own.references)).toBe(own.f1) // the same float64 operations, so the same bits
})

it('F1 is symmetric, 1 for an exact match, and never falls with one more reference', () => {
  const text = fc.array(fc.constantFrom('the', 'cat', 'Cat!', 'dog', '42', '—'), { maxLength: 6 }).map((words) => words.join(' '))
  fc.assert(
    fc.property(text, text, text, (a, b, c) => {
      expect(tokenF1(a, b)).toBe(tokenF1(b, a))
      if (exactMatch(a, b)) expect(tokenF1(a, b)).toBe(1)
      expect(tokenF1(a, [b, c])).toBe(Math.max(tokenF1(a, b), tokenF1(a, c)))
      expect(exactMatch(a, [b, c])).toBe(Math.max(exactMatch(a, b), exactMatch(a, c)))
    }),
  )
})

it('asks for a reference', () => {
  expect(() => tokenF1('text', [])).toThrow('tokenF1: there are no references')
  expect(() => exactMatch('text', [])).toThrow('exactMatch: there are no references')
})
