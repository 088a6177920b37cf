import { rougeL, rougeTokens } from './rouge-l.ts'

/**
 * A filter that remembers the questions it let through: returns the earlier question whose ROUGE-L with the new one exceeds `threshold`, or
 * undefined, and then remembers the new one.
 * @see Wang et al. 2023 (Self-Instruct), §2.2: an instruction enters the pool below a ROUGE-L of 0.7 to all in it
 */
export function nearDuplicates(threshold: number): (question: string) => string | undefined {
  const kept: { question: string; tokens: string[] }[] = []
  return (question) => {
    const tokens = rougeTokens(question)
    // the common subsequence is no longer than the shorter sequence, which settles most comparisons without it
    const similar = kept.find(
      (other) =>
        2 * Math.min(tokens.length, other.tokens.length) > threshold * (tokens.length + other.tokens.length) &&
        rougeL(tokens, other.tokens) > threshold,
    )
    if (similar === undefined) kept.push({ question, tokens })
    return similar?.question
  }
}
