import { growing } from './growing.ts'
import { lengthSet } from './length-set.ts'

/** A row starts with the oldest length of the buffer and takes the longest that fits, again and again; equal lengths in order. */
export function longestFirst(lengths: ArrayLike<number>, rowLength: number, buffer: number) {
  const numSlots = Math.min(buffer, lengths.length)
  const indexAt = new Uint32Array(numSlots)
  const free = Uint32Array.from({ length: numSlots }, (_, slot) => slot)
  let numFree = numSlots
  // two chains through the slots: first come first served within a length, and over all of them
  const first = new Int32Array(rowLength + 1).fill(-1)
  const last = new Int32Array(rowLength + 1).fill(-1)
  const after = new Int32Array(numSlots)
  const older = new Int32Array(numSlots)
  const younger = new Int32Array(numSlots)
  let [oldest, youngest] = [-1, -1]
  const waiting = lengthSet(rowLength + 1)
  const order = new Uint32Array(lengths.length)
  const starts = growing(1024)
  let [numRead, numPlaced, numRows] = [0, 0, 0]

  function read(): void {
    const slot = free[--numFree]!
    const length = lengths[numRead]!
    indexAt[slot] = numRead++
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
  }
  /** The oldest length overall is also the first of its own, so both chains lose their head or an inner link. */
  function place(length: number): void {
    const slot = first[length]!
    first[length] = after[slot]!
    if (first[length]! < 0) waiting.delete(length)
    const [before, behind] = [older[slot]!, younger[slot]!]
    if (before < 0) oldest = behind
    else younger[before] = behind
    if (behind < 0) youngest = before
    else older[behind] = before
    free[numFree++] = slot
    order[numPlaced++] = indexAt[slot]!
  }
  while (numPlaced < lengths.length) {
    while (numFree > 0 && numRead < lengths.length) read()
    starts.set(numRows++, numPlaced)
    let room = rowLength
    for (let length = lengths[indexAt[oldest]!]!; length > 0; length = waiting.atMost(room)) {
      place(length)
      room -= length
      if (numRead < lengths.length) read()
    }
  }
  starts.set(numRows, numPlaced)
  return { order, starts: Uint32Array.from(starts.upTo(numRows + 1)) }
}
