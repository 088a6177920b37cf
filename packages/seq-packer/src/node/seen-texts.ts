import { hash } from 'node:crypto'

/** 16 bytes that tell a text from all others. */
export const hashOf = (text: string): Uint8Array => Buffer.from(hash('sha1', text, 'hex').slice(0, 32), 'hex')

/** Where texts were first seen, by their hashes: 16 bytes a text at the most, and never their content. */
export function seenTexts() {
  let size = 2 ** 12
  let keys = new Uint32Array(2 * size) // eight bytes of the hash: of 10 million texts two differ and agree here once in 400,000 times
  let places = new Uint32Array(2 * size) // number of the file, line; 0 is free
  let count = 0
  function slotOf(a: number, b: number): number {
    let slot = a & (size - 1)
    while (places[2 * slot + 1] !== 0 && (keys[2 * slot] !== a || keys[2 * slot + 1] !== b)) slot = (slot + 1) & (size - 1)
    return slot
  }
  function grow(): void {
    const [before, beforePlaces] = [keys, places]
    size *= 2
    keys = new Uint32Array(2 * size)
    places = new Uint32Array(2 * size)
    for (let i = 0; i < before.length; i += 2) {
      if (beforePlaces[i + 1] === 0) continue
      const slot = slotOf(before[i]!, before[i + 1]!)
      keys.set(before.subarray(i, i + 2), 2 * slot)
      places.set(beforePlaces.subarray(i, i + 2), 2 * slot)
    }
  }
  /** Where the text was seen before; undefined for a new one, which is noted. */
  return (textHash: Uint8Array, file: number, line: number): { readonly file: number; readonly line: number } | undefined => {
    const view = new DataView(textHash.buffer, textHash.byteOffset)
    const [a, b] = [view.getUint32(0, true), view.getUint32(4, true)]
    const slot = slotOf(a, b)
    if (places[2 * slot + 1] !== 0) return { file: places[2 * slot]!, line: places[2 * slot + 1]! }
    keys.set([a, b], 2 * slot)
    places.set([file, line], 2 * slot)
    if (++count > 0.7 * size) grow()
    return undefined
  }
}
