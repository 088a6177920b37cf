/** Longer pieces are rare and not kept. */
export const longestPiece = 64

const mostPieces = 2 ** 19
const mostCharacters = 2 ** 23

/**
 * Tokens of pieces of text, found by the characters themselves: no string is made of a piece that is known. About 40 MB when full; then it
 * begins anew.
 */
export function pieceCache() {
  const slots = new Int32Array(2 * mostPieces) // piece + 1; 0 is free
  const hashes = new Int32Array(mostPieces)
  const starts = new Int32Array(mostPieces)
  const sizes = new Uint8Array(mostPieces)
  const characters = new Uint16Array(mostCharacters)
  const tokenEnds = new Int32Array(mostPieces)
  let tokens = new Uint32Array(2 ** 16)
  let [numPieces, numCharacters, numFilled, numTokens] = [0, 0, 0, 0]

  function isSame(start: number, text: string, from: number, size: number): boolean {
    for (let i = 0; i < size; i++) if (characters[start + i] !== text.charCodeAt(from + i)) return false
    return true
  }
  return {
    /** Number of the piece text[from, end), at most `longestPiece` long; −1 where there is no room for a new one. */
    find(text: string, from: number, end: number): number {
      let hash = 0
      for (let i = from; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x9e3779b1) ^ (hash >>> 15)
      const size = end - from
      let slot = (hash ^ (hash >>> 16)) & (slots.length - 1)
      for (let piece = slots[slot]! - 1; piece >= 0; slot = (slot + 1) & (slots.length - 1), piece = slots[slot]! - 1)
        if (hashes[piece] === hash && sizes[piece] === size && isSame(starts[piece]!, text, from, size)) return piece
      if (numPieces === mostPieces || numCharacters + size > mostCharacters) return -1
      slots[slot] = numPieces + 1
      hashes[numPieces] = hash
      starts[numPieces] = numCharacters
      sizes[numPieces] = size
      for (let i = from; i < end; i++) characters[numCharacters++] = text.charCodeAt(i)
      return numPieces++
    },
    /** Pieces so far; a piece that was not found has the next number. */
    size: (): number => numPieces,
    /** Gives its tokens to the next piece that has none. */
    fill(ids: readonly number[]): void {
      if (numTokens + ids.length > tokens.length) {
        const wider = new Uint32Array(2 * (numTokens + ids.length))
        wider.set(tokens)
        tokens = wider
      }
      tokens.set(ids, numTokens)
      numTokens += ids.length
      tokenEnds[numFilled++] = numTokens
    },
    countOf: (piece: number): number => tokenEnds[piece]! - (piece === 0 ? 0 : tokenEnds[piece - 1]!),
    /** Copies the tokens of a piece, and returns where they end. */
    copy(piece: number, target: Uint16Array | Uint32Array, at: number): number {
      let own = at
      for (let t = piece === 0 ? 0 : tokenEnds[piece - 1]!; t < tokenEnds[piece]!; t++) target[own++] = tokens[t]!
      return own
    },
    /** Begins anew where it is nearly full. */
    refresh(): void {
      if (numPieces < 0.9 * mostPieces && numCharacters < 0.9 * mostCharacters) return
      slots.fill(0)
      ;[numPieces, numCharacters, numFilled, numTokens] = [0, 0, 0, 0]
    },
  }
}
