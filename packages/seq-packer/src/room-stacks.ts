import { growing } from './growing.ts'
import { lengthSet } from './length-set.ts'

/** Rows by the room they have left: `place` puts a length into the row with the least room that takes it. Rows of equal room form a stack. */
export function roomStacks(rowLength: number) {
  const below = growing(1024) // the row under this one in its stack
  const top = new Int32Array(rowLength + 1).fill(-1)
  const rooms = lengthSet(rowLength + 1)
  let numRows = 0
  return {
    numRows: (): number => numRows,
    /** The row, counted from 0; a new one where none has room. */
    place(length: number): number {
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
      room -= length
      below.set(row, top[room]!)
      if (room === 0) return row
      if (top[room]! < 0) rooms.add(room)
      top[room] = row
      return row
    },
  }
}
