/** Lower-case runs of letters and numbers: what ROUGE compares. */
export const rougeTokens = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []

/**
 * ROUGE-L of two token sequences: `F = 2PR / (P + R)`, `P = LCS / |a|`, `R = LCS / |b|`, LCS the length of their longest common subsequence;
 * 0 when either is empty. Equal to `rouge-score` without stemming.
 * @see Lin 2004, §3
 */
export function rougeL<Token>(a: readonly Token[], b: readonly Token[]): number {
  if (a.length === 0 || b.length === 0) return 0
  let previous = new Uint32Array(b.length + 1)
  let current = new Uint32Array(b.length + 1)
  for (const token of a) {
    for (let j = 0; j < b.length; j++) current[j + 1] = token === b[j] ? previous[j]! + 1 : Math.max(previous[j + 1]!, current[j]!)
    ;[previous, current] = [current, previous]
  }
  return (2 * previous[b.length]!) / (a.length + b.length) // = 2PR / (P + R)
}
