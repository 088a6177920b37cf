// --chat: questions about a document, in the terminal.
import { createInterface } from 'node:readline/promises'
import type { LanguageModel } from 'long-context-eval'
import { fittingText, instructionTemplate } from 'selfinstruct'
import type { TextTokenizer } from './tokenizer.ts'

export interface ChatOptions {
  /** Truncated to what fits the context. */
  readonly document: string
  readonly tokenizer: TextTokenizer
  /** Context of the model in tokens. */
  readonly longLength: number
  /** Questions to try. */
  readonly examples: readonly string[]
}

const answerTokens = 48

/** Reads questions until an empty line or the end of input, and prints an answer to each. */
export async function chat(model: LanguageModel, { document, tokenizer, longLength, examples }: ChatOptions): Promise<void> {
  const beginning = document.replaceAll(/\s+/g, ' ').slice(0, 100)
  console.log(`\nAsk about “${beginning}…” (${document.length.toLocaleString('en-US')} characters; an empty line ends)`)
  for (const example of examples.slice(0, 3)) console.log(`  for example: ${example}`)
  const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: '? ' })
  terminal.prompt()
  for await (const line of terminal) {
    const question = line.trim()
    if (question === '') break
    const promptOf = (piece: string) => tokenizer.encode(instructionTemplate({ kind: 'normal', document: piece, question }))
    const room = longLength - answerTokens - 1
    const piece = fittingText(document, [{ start: 0, end: 0 }], { room, count: (piece) => promptOf(piece).length })
    if (piece === undefined) console.log(`(the question does not fit into ${room} tokens)`)
    else {
      const made = await model.generate(Int32Array.from(promptOf(piece)), { maxNewTokens: answerTokens })
      console.log(tokenizer.decode(made).trim())
    }
    terminal.prompt()
  }
  terminal.close()
}
