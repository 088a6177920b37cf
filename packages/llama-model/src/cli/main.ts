#!/usr/bin/env node
import { chat } from './chat.ts'
import { type Command, helpOf, valuesOf } from './command.ts'
import { convert } from './convert.ts'
import { info } from './info.ts'
import { serve } from './serve.ts'

const commands: readonly Command[] = [chat, info, convert, serve]

const usage = `llama-model COMMAND MODEL …

${commands.map(({ name, summary }) => `  ${name.padEnd(9)} ${summary}`).join('\n')}

MODEL is a folder in the Hugging Face layout, a .gguf file, or the URL of one. llama-model COMMAND --help says more.
`

/** What was asked for; one line and exit code 1 for what is wrong. */
async function main([word, ...argv]: readonly string[]): Promise<void> {
  const command = commands.find(({ name }) => name === word)
  if (!command) {
    if (word !== undefined && word !== '--help')
      throw new RangeError(`there is no command '${word}'; choose ${commands.map(({ name }) => name).join(', ')}.`)
    return console.log(usage)
  }
  const asksForHelp = argv.includes('--help')
  if (asksForHelp) return console.log(helpOf(command))
  const { values, positionals } = valuesOf(command, argv)
  await command.run(values, positionals)
}

main(process.argv.slice(2))
  .catch((error: unknown) => {
    console.error(`llama-model: ${error instanceof Error ? error.message : error}`)
    process.exitCode = 1
  })
  .finally(() => process.exit()) // threads of the engine would keep it alive
