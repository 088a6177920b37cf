import { rougeTokens } from '../rouge-l.ts'

const wordsOf = (text: string): string[] => rougeTokens(text).filter((word) => !/^(?:a|an|the)$/.test(word))

/**
 * How far two answers agree: `F1 = 2·|A ∩ B| / (|A| + |B|)` over their words as multisets, articles left out; 0 when either has none.
 * @see Rajpurkar et al. 2016 (SQuAD), §6.1
 */
export function tokenF1(a: string, b: string): number {
  const [left, right] = [wordsOf(a), wordsOf(b)]
  const counts = new Map<string, number>()
  for (const word of right) counts.set(word, (counts.get(word) ?? 0) + 1)
  let common = 0
  for (const word of left) {
    const count = counts.get(word) ?? 0
    if (count > 0) common++
    counts.set(word, count - 1)
  }
  return common === 0 ? 0 : (2 * common) / (left.length + right.length)
}
