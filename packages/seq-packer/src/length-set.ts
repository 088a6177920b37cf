/**
 * A set of whole numbers below `size` that finds neighbours: three bits per level of 32-bit words, so every call looks at a handful of
 * words, whatever the size.
 */
export function lengthSet(size: number) {
  const levels: Uint32Array[] = []
  for (let count = size; levels.length === 0 || count > 1; count = Math.ceil(count / 32))
    levels.push(new Uint32Array(Math.ceil(count / 32)))
  const lowest = (word: number): number => 31 - Math.clz32(word & -word)
  return {
    add(value: number): void {
      for (const level of levels) {
        level[value >>> 5]! |= 1 << (value & 31)
        value >>>= 5
      }
    },
    delete(value: number): void {
      for (const level of levels) {
        level[value >>> 5]! &= ~(1 << (value & 31))
        if (level[value >>> 5] !== 0) return
        value >>>= 5
      }
    },
    /** The smallest member ≥ `from`; −1 if there is none. */
    atLeast(from: number): number {
      for (let depth = 0; depth < levels.length; depth++) {
        const word = from >>> 5
        const bits = word < levels[depth]!.length ? levels[depth]![word]! & (-1 << (from & 31)) : 0
        if (bits !== 0) {
          let found = (word << 5) | lowest(bits)
          for (let down = depth - 1; down >= 0; down--) found = (found << 5) | lowest(levels[down]![found]!)
          return found
        }
        from = word + 1
      }
      return -1
    },
    /** The largest member ≤ `upTo`; −1 if there is none. */
    atMost(upTo: number): number {
      for (let depth = 0; depth < levels.length && upTo >= 0; depth++) {
        const word = upTo >>> 5
        const bits = levels[depth]![word]! & (0xffffffff >>> (31 - (upTo & 31)))
        if (bits !== 0) {
          let found = (word << 5) | (31 - Math.clz32(bits))
          for (let down = depth - 1; down >= 0; down--) found = (found << 5) | (31 - Math.clz32(levels[down]![found]!))
          return found
        }
        upTo = word - 1
      }
      return -1
    },
  }
}
