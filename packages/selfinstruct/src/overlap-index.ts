/** Finds bags of words that have much in common with another. Bags are known by their place: 0 for the first that was added, and so on. */
export interface OverlapIndex {
  /** Places of all bags that share more than `threshold · (n + m) / 2` words with these, n and m the sizes of both. */
  readonly closeTo: (words: readonly string[]) => number[]
  readonly add: (words: readonly string[]) => void
}

const FIRST_RENUMBERING = 256

/**
 * An exact index by prefix and position filtering. A repeated word counts as another word (`of`, `of 2`), so bags are sets. In any fixed order of all words,
 * two sets that share k of their n and m words share one of the first n − k + 1 and m − k + 1; that first one at positions i and j, at most
 * `1 + min(n − i − 1, m − j − 1)` are common. The order is rare words first: numbers of words follow it, and are given anew whenever
 * the index has doubled; until then, new words come first, the latest before all.
 * @param threshold in [0, 1]
 * @see Chaudhuri et al. 2006 (prefixes); Xiao et al. 2008, Efficient similarity joins for near duplicate detection (positions)
 */
export function overlapIndex(threshold: number): OverlapIndex {
  let sets: Int32Array[] = []
  let numbers = new Map<string, number>()
  let bySize: Map<number, number[]>[] = [] // by size, then word: place and position, place and position … of the sets that hold it in their prefix
  let [lowest, renumberAt] = [0, FIRST_RENUMBERING]
  let shared = new Int16Array(FIRST_RENUMBERING) // by place, with the set at hand; below zero: cannot be enough. All zero in between

  const numberOf = (word: string): number => {
    const known = numbers.get(word)
    if (known !== undefined) return known
    numbers.set(word, --lowest)
    return lowest
  }
  const insert = (set: Int32Array, place: number): void => {
    while (bySize.length <= set.length) bySize.push(new Map())
    const places = bySize[set.length]!
    const length = prefixLength(set.length, threshold)
    for (let position = 0; position < length; position++) {
      const found = places.get(set[position]!)
      if (found) found.push(place, position)
      else places.set(set[position]!, [place, position])
    }
  }
  const renumber = (): void => {
    const holders = new Map<number, number>()
    for (const set of sets) for (const number of set) holders.set(number, (holders.get(number) ?? 0) + 1)
    const order = [...numbers].sort(([, a], [, b]) => (holders.get(a) ?? 0) - (holders.get(b) ?? 0))
    const renumbered = new Map(order.map(([, number], i) => [number, i]))
    numbers = new Map(order.map(([word], i) => [word, i]))
    sets = sets.map((set) => set.map((number) => renumbered.get(number)!).sort())
    bySize = []
    sets.forEach(insert)
    lowest = 0
    renumberAt = 2 * sets.length
    shared = new Int16Array(renumberAt)
  }
  /** Counts what sets of `size` share with this one, as far as their prefixes go; returns the places of those that may share enough. */
  const candidates = (set: Int32Array, size: number, least: number): number[] => {
    const met: number[] = []
    for (let i = 0; i <= set.length - least; i++) {
      const found = bySize[size]!.get(set[i]!) ?? []
      for (let at = 0; at < found.length; at += 2) {
        const before = shared[found[at]!]!
        if (before < 0) continue
        if (before === 0) met.push(found[at]!)
        const most = before + Math.min(set.length - i, size - found[at + 1]!)
        shared[found[at]!] = most < least ? -1 : before + 1
      }
    }
    const possible = met.filter((place) => shared[place]! > 0)
    for (const place of met) shared[place] = 0
    return possible
  }
  return {
    closeTo(words) {
      const set = setOf(words, numberOf)
      const close: number[] = []
      for (let size = 1; size < bySize.length; size++) {
        const least = leastShared(set.length, size, threshold)
        if (least > Math.min(set.length, size)) continue
        for (const place of candidates(set, size, least)) if (sharesAtLeast(least, set, sets[place]!)) close.push(place)
      }
      return close
    },
    add(words) {
      const set = setOf(words, numberOf)
      insert(set, sets.push(set) - 1)
      if (sets.length >= renumberAt) renumber()
    },
  }
}

/** Numbers of the words in ascending order, every repetition with a number of its own. */
function setOf(words: readonly string[], numberOf: (word: string) => number): Int32Array {
  const times = new Map<string, number>()
  return Int32Array.from(words, (word) => {
    const time = (times.get(word) ?? 0) + 1
    times.set(word, time)
    return numberOf(time === 1 ? word : `${word} ${time}`)
  }).sort()
}

/** The smallest k with `2k / (n + m) > threshold`. */
function leastShared(n: number, m: number, threshold: number): number {
  const below = Math.floor((threshold * (n + m)) / 2)
  return (2 * below) / (n + m) > threshold ? below : below + 1
}

/** How many of n words, the first in order, share one with every set that is close: `n − k + 1` for the smallest set that can be. */
function prefixLength(n: number, threshold: number): number {
  for (let m = 1; m <= n; m++) if (leastShared(n, m, threshold) <= m) return n - leastShared(n, m, threshold) + 1
  return 0
}

function sharesAtLeast(least: number, a: Int32Array, b: Int32Array): boolean {
  let [i, j, shared] = [0, 0, 0]
  while (shared + Math.min(a.length - i, b.length - j) >= least) {
    if (shared === least) return true
    if (a[i] === b[j]) {
      shared++
      i++
      j++
    } else if (a[i]! < b[j]!) i++
    else j++
  }
  return false
}
