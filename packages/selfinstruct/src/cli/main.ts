#!/usr/bin/env node
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { help, reader, valuesOf } from './options.ts'
import { run } from './run.ts'

async function main(argv: readonly string[]): Promise<void> {
  const { values, documents } = await valuesOf(argv, async (path) => parse(await readFile(path, 'utf8')))
  if (values.help || argv.length === 0) return console.log(help())
  await run(documents, reader(values))
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(`selfinstruct: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
})
