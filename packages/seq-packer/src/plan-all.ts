import { roomStacks } from './room-stacks.ts'

/**
 * Every length, longest first, into the row with the least room that takes it. Which row a length of a size gets needs only how many there
 * are of each size, so no list of lengths is sorted: two arrays as long as the lengths, the result included.
 */
export function bestFitDecreasing(lengths: ArrayLike<number>, rowLength: number): { order: Uint32Array; starts: Uint32Array } {
  const next = new Uint32Array(rowLength + 1) // how many there are of each length, then where the next of them lies in rowOf
  for (let i = 0; i < lengths.length; i++) next[lengths[i]!]!++
  const rows = roomStacks(rowLength)
  const rowOf = new Uint32Array(lengths.length)
  for (let length = rowLength, at = 0; length > 0; length--) {
    const end = at + next[length]!
    next[length] = at
    while (at < end) rowOf[at++] = rows.place(length)
  }
  const starts = new Uint32Array(rows.numRows() + 1)
  for (let at = 0; at < rowOf.length; at++) starts[rowOf[at]! + 1]!++
  for (let row = 1; row < starts.length; row++) starts[row]! += starts[row - 1]!
  const end = starts.slice()
  const order = new Uint32Array(lengths.length)
  for (let i = 0; i < lengths.length; i++) order[end[rowOf[next[lengths[i]!]!++]!]!++] = i
  return { order, starts }
}
