#!/usr/bin/env node
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { type Command, helpOf, valuesOf } from './command.ts'
import { inspect } from './inspect.ts'
import { mix } from './mix.ts'
import { pack } from './pack.ts'
import { tokenize } from './tokenize.ts'
import { trainTokenizer } from './train-tokenizer.ts'

const commands: readonly Command[] = [trainTokenizer, tokenize, mix, pack, inspect]

const usage = `seq-packer COMMAND …

${commands.map(({ name, summary }) => `  ${name.padEnd(16)} ${summary}`).join('\n')}

seq-packer COMMAND --help says more.
`

/** What was asked for; one line and exit code 1 for what is wrong. */
async function main([word, ...argv]: readonly string[]): Promise<void> {
  const command = commands.find(({ name }) => name === word)
  if (!command) {
    if (word !== undefined && word !== '--help')
      throw new RangeError(`there is no command '${word}'; choose ${commands.map(({ name }) => name).join(', ')}.`)
    return console.log(usage)
  }
  const { values, positionals } = await valuesOf(command, argv, async (path) => parse(await readFile(path, 'utf8')))
  if (values.help) return console.log(helpOf(command))
  await command.run(values, positionals)
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(`seq-packer: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
})
