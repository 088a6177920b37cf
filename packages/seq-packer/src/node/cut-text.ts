/**
 * Ends of the pieces of a text: before a character of `afterWord` that follows a letter or digit of ASCII, and before a space that stands
 * alone between two characters that are surely none. No token reaches across such a place (see cut-safe.ts).
 */
export function cutText(text: string, afterWord: Uint8Array, visit: (from: number, end: number) => void): void {
  let from = 0
  let before = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    const isBorder = isWord(before)
      ? code < 128 && afterWord[code] === 1
      : code === 32 && i > from && !isVague(before) && i + 1 < text.length && !isVague(text.charCodeAt(i + 1))
    if (isBorder) {
      visit(from, i)
      from = i
    }
    before = code
  }
  if (from < text.length) visit(from, text.length)
}

const isWord = (code: number): boolean => (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57)

/** Whatever some Unicode version or regex dialect may take for white space, and control characters. */
const isVague = (code: number): boolean =>
  code < 0x21 ||
  (code >= 0x7f &&
    (code <= 0xa0 || code === 0x1680 || code === 0x180e || (code >= 0x2000 && code <= 0x206f) || code === 0x3000 || code === 0xfeff))
