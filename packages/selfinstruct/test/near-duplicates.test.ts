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

it('decides as brute force does on thousands, while the index orders its words anew', () => {
  const seed = 5
  const word = fc.double({ min: 0, max: 1, noNaN: true, noDefaultInfinity: true }).map((x) => `w${Math.floor(600 * x ** 3)}`)
  const question = fc.array(word, { minLength: 3, maxLength: 18 }).map((words) => words.join(' '))
  const drawn = fc.sample(question, { numRuns: 900, seed })
  // every other one is an earlier one, cut or with its words in another order
  const varied = drawn.map((text, i) => {
    const words = text.split(' ')
    return i % 2 === 0 ? words.slice(i % 3).join(' ') : words.toReversed().join(' ')
  })
  const questions = [...drawn, ...varied]
  const found = questions.map(nearDuplicates(0.7))
  expect(found).toEqual(questions.map(bruteForce(0.7)))
  expect(found.filter((earlier) => earlier !== undefined).length).toBeGreaterThan(200)
})

it('is what selfInstruct filters with', async () => {
  const questions = ['who sails the big ship', 'who sails the big boat', 'what swam']
  let asked = 0
  const complete: Complete = async () => reply(questions[asked++]!, 'x')
  const documents = [{ id: 'd', text: 'A text.' }]
  const outcomes: (Pair | Rejection)[] = await collect(
    selfInstruct({ documents, complete, critique: false, minGroundedness: 0, pairsPerDocument: 3, concurrency: 1 }),
  )
  const filter = nearDuplicates(0.7)
  expect(outcomes.map(({ kind }) => kind === 'rejection')).toEqual(questions.map((question) => filter(question) !== undefined))
})
