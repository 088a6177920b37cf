import { commonPlaces } from './lcs.ts'
import { bestScore, type RougeOptions, type RougeScore, rougeScore } from './rouge.ts'
import { rougeTokens } from './rouge-tokens.ts'

/**
 * ROUGE-Lsum: for every line (sentence) of the reference the union of its longest common subsequences with all lines of the prediction,
 * no word counted more often than either text has it. Put each sentence on a line of its own; otherwise as `rouge1`.
 * @see Lin 2004, §3.2
 */
export function rougeLsum(prediction: string, references: string | readonly string[], options: RougeOptions = {}): RougeScore {
  const lines = (text: string) => text.split('\n').map((line) => rougeTokens(line, options))
  return bestScore('rougeLsum', prediction, references, lines, unionScore)
}

function unionScore(own: readonly (readonly string[])[], other: readonly (readonly string[])[]): RougeScore {
  const left = [own, other].map(countWords)
  let matches = 0
  for (const line of other) {
    const union = new Set(own.flatMap((candidate) => commonPlaces(line, candidate)))
    for (const place of union) {
      const word = line[place]!
      if (left.some((counts) => (counts.get(word) ?? 0) === 0)) continue
      for (const counts of left) counts.set(word, counts.get(word)! - 1)
      matches++
    }
  }
  return rougeScore(matches, own.flat().length, other.flat().length)
}

function countWords(lines: readonly (readonly string[])[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const word of lines.flat()) counts.set(word, (counts.get(word) ?? 0) + 1)
  return counts
}
