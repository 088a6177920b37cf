import type { TextTokenizer } from './tokenizer.ts'

/** Turns tokens into text piece by piece. */
export interface TextStream {
  /** The text that is certain with this token; '' while a character is not whole, or may be the beginning of a stop string. */
  push(token: number): string
  /** The rest of the text, when no more tokens come. */
  end(): string
  /** Whether a stop string came; it and all after it are no part of the text. */
  readonly stopped: boolean
}

/** Tokens that may wait for the rest of a character; one has at most four bytes, so what takes longer is no text. */
const patience = 8

/**
 * Pieces that together are `decode` of all tokens, up to the first of the `stop` strings. A token is decoded together with those of the
 * piece before it: how it reads may depend on them (spaces of SentencePiece), and a character may be spread over several tokens.
 */
export function textStream(tokenizer: TextTokenizer, stop: readonly string[]): TextStream {
  let tokens: number[] = [] // of the last whole piece, and those that wait
  let known = 0 // tokens of the last piece
  let held = ''
  let stopped = false

  /** Passes on what cannot belong to a stop string. */
  function release(text: string, isEnd: boolean): string {
    held += text
    const found = stop.flatMap((word) => (held.includes(word) ? [held.indexOf(word)] : []))
    if (found.length > 0) stopped = true
    const end = found.length > 0 ? Math.min(...found) : isEnd ? held.length : held.length - beginning(held, stop)
    const released = held.slice(0, end)
    held = held.slice(end)
    return released
  }
  const fresh = () => tokenizer.decode(tokens).slice(tokenizer.decode(tokens.slice(0, known)).length)

  return {
    push(token) {
      if (stopped) return ''
      tokens.push(token)
      const text = fresh()
      if (text === '' || (text.endsWith('\uFFFD') && tokens.length - known < patience)) return ''
      tokens = tokens.slice(known)
      known = tokens.length
      return release(text, false)
    },
    end: () => (stopped ? '' : release(known < tokens.length ? fresh() : '', true)),
    get stopped() {
      return stopped
    },
  }
}

/** Length of the longest end of `text` that one of the words begins with. */
function beginning(text: string, words: readonly string[]): number {
  let longest = 0
  for (const word of words)
    for (let length = Math.min(word.length - 1, text.length); length > longest; length--)
      if (text.endsWith(word.slice(0, length))) longest = length
  return longest
}
