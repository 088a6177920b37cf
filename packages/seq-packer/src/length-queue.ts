import { lengthSet } from './length-set.ts'

/**
 * At most `numSlots` lengths that wait: the oldest of all and the longest that fits are found without a search, the oldest first among equals.
 * A length keeps its slot until it is taken.
 */
export function lengthQueue(maxLength: number, numSlots: number) {
  const lengthAt = new Uint32Array(numSlots)
  const free = Uint32Array.from({ length: numSlots }, (_, slot) => slot)
  let numFree = numSlots
  // two chains through the slots: first come first served within a length, and over all of them
  const first = new Int32Array(maxLength + 1).fill(-1)
  const last = new Int32Array(maxLength + 1).fill(-1)
  const after = new Int32Array(numSlots)
  const older = new Int32Array(numSlots)
  const younger = new Int32Array(numSlots)
  let [oldest, youngest] = [-1, -1]
  const waiting = lengthSet(maxLength + 1)
  return {
    isFull: (): boolean => numFree === 0,
    /** Slots and not lengths from here on; −1 for none. */
    oldest: (): number => oldest,
    youngerThan: (slot: number): number => younger[slot]!,
    longest(upTo: number): number {
      const length = waiting.atMost(upTo)
      return length < 0 ? -1 : first[length]!
    },
    lengthAt: (slot: number): number => lengthAt[slot]!,
    add(length: number): number {
      const slot = free[--numFree]!
      lengthAt[slot] = length
      after[slot] = -1
      if (first[length]! < 0) {
        first[length] = slot
        waiting.add(length)
      } else after[last[length]!] = slot
      last[length] = slot
      older[slot] = youngest
      younger[slot] = -1
      if (youngest < 0) oldest = slot
      else younger[youngest] = slot
      youngest = slot
      return slot
    },
    /** Of `oldest` or `longest`: both are the first of their length, so the chain of the length loses its head. */
    take(slot: number): void {
      const length = lengthAt[slot]!
      first[length] = after[slot]!
      if (first[length]! < 0) waiting.delete(length)
      const [before, behind] = [older[slot]!, younger[slot]!]
      if (before < 0) oldest = behind
      else younger[before] = behind
      if (behind < 0) youngest = before
      else older[behind] = before
      free[numFree++] = slot
    },
  }
}
