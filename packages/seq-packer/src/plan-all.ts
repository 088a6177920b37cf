import { growing } from './growing.ts'
import { lengthSet } from './length-set.ts'

/** Every length, longest first, into the row with the least room that takes it; rows with the same room form a stack. */
export function bestFitDecreasing(lengths: ArrayLike<number>, rowLength: number) {
  const { order: ascending, starts } = sortByKey(lengths, rowLength + 1)
  const rowOf = new Uint32Array(lengths.length)
  const below = growing(1024) // the row under this one in the stack of rows with the same room
  const top = new Int32Array(rowLength + 1).fill(-1)
  const rooms = lengthSet(rowLength + 1)
  let numRows = 0
  for (let length = rowLength; length > 0; length--)
    for (let at = starts[length]!; at < starts[length + 1]!; at++) {
      let room = rooms.atLeast(length)
      let row = numRows
      if (room < 0) {
        numRows++
        room = rowLength
      } else {
        row = top[room]!
        top[room] = below.get(row)
        if (top[room]! < 0) rooms.delete(room)
      }
      rowOf[ascending[at]!] = row
      room -= length
      below.set(row, top[room]!)
      if (room === 0) continue
      if (top[room]! < 0) rooms.add(room)
      top[room] = row
    }
  return sortByKey(rowOf, numRows)
}

/** Indices 0 … keys.length − 1 by key, equal keys in order: counting sort. `starts[k]` is where key k begins. */
function sortByKey(keys: ArrayLike<number>, numKeys: number): { order: Uint32Array; starts: Uint32Array } {
  const starts = new Uint32Array(numKeys + 1)
  for (let i = 0; i < keys.length; i++) starts[keys[i]! + 1]!++
  for (let key = 0; key < numKeys; key++) starts[key + 1]! += starts[key]!
  const next = starts.slice()
  const order = new Uint32Array(keys.length)
  for (let i = 0; i < keys.length; i++) order[next[keys[i]!]!++] = i
  return { order, starts }
}
