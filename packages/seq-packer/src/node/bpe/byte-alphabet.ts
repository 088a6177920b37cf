/**
 * A character for every byte, so that tokens are text: printable ASCII and Latin-1 stand for themselves, the others for 256, 257, …
 * as in GPT-2's `bytes_to_unicode`.
 */
export function byteAlphabet(): string[] {
  let unprintable = 256
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173 && byte < 256)
    return String.fromCharCode(isPrintable ? byte : unprintable++)
  })
}
