import fc from 'fast-check'
import { type Complete, type Pair, type Rejection, selfInstruct } from 'selfinstruct'
import { expect, it } from 'vitest'
import { nearDuplicates } from '../src/near-duplicates.ts'
import { rougeL, rougeTokens } from '../src/rouge-l.ts'
import { collect, reply } from './support.ts'

/** The definition: every question against all that were kept. */
function bruteForce(threshold: number): (question: string) => string | undefined {
  const kept: string[] = []
  return (question) => {
    const found = kept.find((other) => rougeL(rougeTokens(question), rougeTokens(other)) > threshold)
    if (found === undefined) kept.push(question)
    return found
  }
}

it('decides as brute force does, with the same earlier question', () => {
  const word = fc.nat(400).map((n) => `w${Math.floor((n * n) / 2000)}`) // few words often, many seldom, as in prose
  const question = fc.array(word, { maxLength: 14 }).map((words) => words.join(' '))
  fc.assert(
    fc.property(fc.array(question, { maxLength: 150 }), fc.constantFrom(0, 0.3, 0.5, 0.7, 0.9, 1), (questions, threshold) => {
      expect(questions.map(nearDuplicates(threshold))).toEqual(questions.map(bruteForce(threshold)))
    }),
    { numRuns: 100 },
  )
})

it('is what selfInstruct filters with', async () => {
  const questions = ['who sails the big ship', 'who sails the big boat', 'what swam']
  let asked = 0
  const complete: Complete = async () => reply(questions[asked++]!, 'x')
  const documents = [{ id: 'd', text: 'A text.' }]
  const outcomes: (Pair | Rejection)[] = await collect(
    selfInstruct({ documents, complete, critique: false, pairsPerDocument: 3, concurrency: 1 }),
  )
  const filter = nearDuplicates(0.7)
  expect(outcomes.map(({ kind }) => kind === 'rejection')).toEqual(questions.map((question) => filter(question) !== undefined))
})
