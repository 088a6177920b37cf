// --chat: questions about a document, in the terminal.
import { createInterface } from 'node:readline/promises'
import type { LanguageModel } from 'long-context-eval'
import { promptOf } from './instruct.ts'
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
    const prompt = promptOf({ kind: 'normal', document, question }, tokenizer, longLength - answerTokens - 1)
    const made = await model.generate(Int32Array.from(prompt), { maxNewTokens: answerTokens })
    console.log(tokenizer.decode(made).trim())
    terminal.prompt()
  }
  terminal.close()
}
