import { overlapIndex } from './overlap-index.ts'
import { rougeL, rougeTokens } from './rouge-l.ts'

/**
 * A filter that remembers the questions it let through: returns the earliest question whose ROUGE-L with the new one exceeds `threshold`, or
 * undefined, and then remembers the new one. Exact: the index only leaves out what cannot exceed it, since a common subsequence is made of common words.
 * @see Wang et al. 2023 (Self-Instruct), §2.2: an instruction enters the pool below a ROUGE-L of 0.7 to all in it
 */
export function nearDuplicates(threshold: number): (question: string) => string | undefined {
  const kept: string[] = []
  const index = overlapIndex(threshold)
  return (question) => {
    const words = rougeTokens(question)
    let first = Number.POSITIVE_INFINITY
    for (const place of index.closeTo(words)) if (place < first && rougeL(words, rougeTokens(kept[place]!)) > threshold) first = place
    if (first < kept.length) return kept[first]
    index.add(words)
    kept.push(question)
    return undefined
  }
}
