import { rougeL, rougeTokens } from './rouge-l.ts'

/**
 * A filter that remembers the questions it let through: returns the earlier question whose ROUGE-L with the new one exceeds `threshold`, or
 * undefined, and then remembers the new one.
 * @see Wang et al. 2023 (Self-Instruct), §2.2: an instruction enters the pool below a ROUGE-L of 0.7 to all in it
 */
export function nearDuplicates(threshold: number): (question: string) => string | undefined {
  const kept: { question: string; words: readonly number[] }[] = []
  const vocabulary = new Map<string, number>()
  const counts: number[] = [] // by word, of the question at hand; all zero in between
  const idOf = (token: string): number => {
    const known = vocabulary.get(token)
    if (known !== undefined) return known
    vocabulary.set(token, counts.length)
    return counts.push(0) - 1
  }
  const add = (words: readonly number[], amount: number): void => {
    for (const word of words) counts[word]! += amount
  }
  /** `Σ min(count here, count there)`: no common subsequence is longer, and most comparisons can end with that. */
  const common = (words: readonly number[]): number => {
    let found = 0
    for (const word of words) if (counts[word]!-- > 0) found++
    add(words, 1)
    return found
  }
  return (question) => {
    const words = rougeTokens(question).map(idOf)
    add(words, 1)
    const similar = kept.find(
      (other) => 2 * common(other.words) > threshold * (words.length + other.words.length) && rougeL(words, other.words) > threshold,
    )
    add(words, -1)
    if (similar === undefined) kept.push({ question, words })
    return similar?.question
  }
}
