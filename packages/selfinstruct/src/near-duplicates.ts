import { rougeL, rougeTokens } from './rouge-l.ts'

interface Kept {
  readonly question: string
  readonly words: readonly number[]
}

/**
 * A filter that remembers the questions it let through: returns the earliest question whose ROUGE-L with the new one exceeds `threshold`, or
 * undefined, and then remembers the new one. Exact: an index only leaves out what cannot exceed it.
 *
 * Two questions of n and m words that exceed t share at least `tm/(2−t)` words of the one and of the other (a common subsequence is made of common
 * words, and 2·LCS > t(n+m)), so they share one of the `n − ⌈tn/(2−t)⌉ + 1` words of each that come first in any fixed order (prefix
 * filtering). The order is: latest met first, since what is met late is rare.
 * @see Wang et al. 2023 (Self-Instruct), §2.2: an instruction enters the pool below a ROUGE-L of 0.7 to all in it
 * @see Chaudhuri et al. 2006, A primitive operator for similarity joins in data cleaning (prefix filtering)
 */
export function nearDuplicates(threshold: number): (question: string) => string | undefined {
  const kept: Kept[] = []
  const vocabulary = new Map<string, number>()
  const places: number[][] = [] // by word: which kept questions hold it in their prefix
  const counts: number[] = [] // by word, of the question at hand; all zero in between
  const idOf = (token: string): number => {
    const known = vocabulary.get(token)
    if (known !== undefined) return known
    vocabulary.set(token, counts.length)
    places.push([])
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
  const prefixOf = (words: readonly number[]): Set<number> => {
    // one word more than needed, so that no rounding can leave a pair out
    const needed = Math.max(1, Math.ceil((threshold * words.length) / (2 - threshold)) - 1)
    return new Set(words.toSorted((a, b) => b - a).slice(0, words.length - needed + 1))
  }
  return (question) => {
    const words = rougeTokens(question).map(idOf)
    const prefix = prefixOf(words)
    const candidates = new Set<number>()
    for (const word of prefix) for (const place of places[word]!) candidates.add(place)
    add(words, 1)
    let first = Number.POSITIVE_INFINITY
    for (const place of candidates) {
      const other = kept[place]!.words
      if (place < first && 2 * common(other) > threshold * (words.length + other.length) && rougeL(words, other) > threshold) first = place
    }
    add(words, -1)
    if (first < kept.length) return kept[first]!.question
    for (const word of prefix) places[word]!.push(kept.length)
    kept.push({ question, words })
    return undefined
  }
}
