import { growing } from './growing.ts'
import { lengthQueue } from './length-queue.ts'

/** A row starts with the oldest length of the buffer and takes the longest that fits, again and again; equal lengths in order. */
export function longestFirst(lengths: ArrayLike<number>, rowLength: number, buffer: number): { order: Uint32Array; starts: Uint32Array } {
  const numSlots = Math.min(buffer, lengths.length)
  const queue = lengthQueue(rowLength, numSlots)
  const indexAt = new Uint32Array(numSlots)
  const order = new Uint32Array(lengths.length)
  const starts = growing(1024)
  let [numRead, numPlaced, numRows] = [0, 0, 0]
  const read = (): void => {
    if (numRead < lengths.length) indexAt[queue.add(lengths[numRead]!)] = numRead++
  }
  while (numRead < numSlots) read()
  while (numPlaced < lengths.length) {
    starts.set(numRows++, numPlaced)
    let room = rowLength
    for (let slot = queue.oldest(); slot >= 0; slot = queue.longest(room)) {
      room -= queue.lengthAt(slot)
      order[numPlaced++] = indexAt[slot]!
      queue.take(slot)
      read()
    }
  }
  starts.set(numRows, numPlaced)
  return { order, starts: Uint32Array.from(starts.upTo(numRows + 1)) }
}
