/** Length of the longest common subsequence of two lists; memory of one row of the table. */
export function longestCommonSubsequence(a: readonly string[], b: readonly string[]): number {
  const row = new Int32Array(b.length + 1)
  for (const item of a) {
    let diagonal = 0
    for (let j = 1; j <= b.length; j++) {
      const above = row[j]!
      row[j] = item === b[j - 1] ? diagonal + 1 : Math.max(above, row[j - 1]!)
      diagonal = above
    }
  }
  return row[b.length]!
}

/**
 * Places in `a` of one longest common subsequence, ascending. Of several equally long ones it takes the one Google's rouge-score takes:
 * read from the end, equal items first, then the step in `b` only where that keeps strictly more.
 */
export function commonPlaces(a: readonly string[], b: readonly string[]): number[] {
  const width = b.length + 1
  const table = new Int32Array((a.length + 1) * width)
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      const at = i * width + j
      table[at] = a[i - 1] === b[j - 1] ? table[at - width - 1]! + 1 : Math.max(table[at - width]!, table[at - 1]!)
    }
  const places: number[] = []
  for (let i = a.length, j = b.length; i > 0 && j > 0; ) {
    if (a[i - 1] === b[j - 1]) {
      places.push(i - 1)
      i--
      j--
    } else if (table[i * width + j - 1]! > table[(i - 1) * width + j]!) j--
    else i--
  }
  return places.reverse()
}
