// Language models whose true answers are known.
import type { LanguageModel, Tokenizer } from 'long-context-eval'

/** A token per word with the white space before it; the vocabulary grows as it reads. */
export function wordTokenizer(): Tokenizer {
  const ids = new Map<string, number>()
  const pieces: string[] = []
  return {
    encode: (text) =>
      (text.match(/\s*\S+|\s+$/g) ?? []).map((piece) => {
        if (!ids.has(piece)) ids.set(piece, pieces.push(piece) - 1)
        return ids.get(piece)!
      }),
    decode: (tokens) => Array.from(tokens, (token) => pieces[token]).join(''),
  }
}

/** Gives every token the loss that `lossOf` names; records the sequences of every call and every prompt. */
export function scripted(
  lossOf: (t: number, sequence: Int32Array) => number,
  answer: (prompt: Int32Array, maxNewTokens: number) => Int32Array = () => new Int32Array(0),
) {
  const calls: (readonly Int32Array[])[] = []
  const prompts: Int32Array[] = []
  const model: LanguageModel = {
    async tokenLosses(sequences) {
      calls.push(sequences)
      return sequences.map((sequence) => Float32Array.from(sequence, (_, t) => (t === 0 ? Number.NaN : lossOf(t, sequence))))
    },
    async generate(prompt, { maxNewTokens }) {
      prompts.push(prompt)
      return answer(prompt, maxNewTokens)
    },
  }
  return { model, calls, prompts }
}

/** Reads only the last `visible` tokens of a prompt and answers what `say` makes of their text. */
export function reader(tokenizer: Tokenizer, visible: number, say: (text: string) => string) {
  const none = () => 0
  return scripted(none, (prompt, maxNewTokens) => {
    const text = tokenizer.decode(prompt.subarray(Math.max(0, prompt.length - visible)))
    return Int32Array.from(tokenizer.encode(say(text))).subarray(0, maxNewTokens)
  })
}
