/** selfinstruct's filter of near-duplicates in a process of its own, and brute force beside it. */
import { readFileSync } from 'node:fs'
import { nearDuplicates } from 'selfinstruct'
import type { Start } from '../serve-peer.ts'
import { residentMemory } from './memory.ts'

interface Input {
  /** A JSON list of questions. */
  readonly path: string
  readonly threshold: number
}

/** The definition: ROUGE-L of every question with all that were kept, words cut once. */
function bruteForce(threshold: number): (question: string) => string | undefined {
  const kept: { question: string; words: readonly string[] }[] = []
  return (question) => {
    const words = question.toLowerCase().match(/[a-z0-9]+/g) ?? []
    const found = kept.find((other) => (2 * commonLength(words, other.words)) / (words.length + other.words.length) > threshold)
    if (found === undefined) kept.push({ question, words })
    return found?.question
  }
}

/** Of the longest common subsequence. */
function commonLength(a: readonly string[], b: readonly string[]): number {
  const row = new Int32Array(b.length + 1)
  for (const word of a) {
    let diagonal = 0
    for (let j = 1; j <= b.length; j++) {
      const above = row[j]!
      row[j] = word === b[j - 1] ? diagonal + 1 : Math.max(above, row[j - 1]!)
      diagonal = above
    }
  }
  return row[b.length]!
}

const before = process.memoryUsage().rss

export const start: Start = async (variant) => ({
  works: {
    dedupe: ({ path, threshold }: Input) => {
      const questions: string[] = JSON.parse(readFileSync(path, 'utf8'))
      let left: number[] = []
      return {
        run() {
          const began = performance.now()
          const filter = variant === 'ours' ? nearDuplicates(threshold) : bruteForce(threshold)
          left = []
          questions.forEach((question, i) => {
            if (filter(question) !== undefined) left.push(i)
          })
          return { '': performance.now() - began }
        },
        // how many are left out, and which: small whole numbers, of which one more or less is seen
        check: () => [left.length, left.reduce((hash, i) => (31 * hash + i) % 499, 0)],
        dispose() {},
      }
    },
  },
  memory: { ...residentMemory, peak: () => residentMemory.peak() - before },
})
