/**
 * Pairs by count, the most frequent first and the smaller key among equals. A pair lies here once; its count may have fallen since it was
 * pushed: `pop` gives what was pushed.
 */
export function pairHeap() {
  const counts: number[] = []
  const keys: number[] = []
  const isBefore = (count: number, key: number, i: number): boolean => count > counts[i]! || (count === counts[i]! && key < keys[i]!)
  const put = (i: number, count: number, key: number): void => {
    counts[i] = count
    keys[i] = key
  }
  return {
    size: (): number => keys.length,
    push(count: number, key: number): void {
      let i = keys.length
      for (; i > 0 && isBefore(count, key, (i - 1) >> 1); i = (i - 1) >> 1) put(i, counts[(i - 1) >> 1]!, keys[(i - 1) >> 1]!)
      put(i, count, key)
    },
    pop(): { readonly count: number; readonly key: number } {
      const top = { count: counts[0]!, key: keys[0]! }
      const [count, key] = [counts.pop()!, keys.pop()!]
      if (keys.length === 0) return top
      let i = 0
      for (let child = 1; child < keys.length; child = 2 * i + 1) {
        if (child + 1 < keys.length && isBefore(counts[child + 1]!, keys[child + 1]!, child)) child++
        if (isBefore(count, key, child)) break
        put(i, counts[child]!, keys[child]!)
        i = child
      }
      put(i, count, key)
      return top
    },
  }
}
