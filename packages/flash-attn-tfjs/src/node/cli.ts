#!/usr/bin/env node
import { builtAddon, sources } from './addon.ts'
import { buildAddon } from './build.ts'

const [command] = process.argv.slice(2)
if (command === 'build') {
  try {
    const output = builtAddon()
    const compiler = await buildAddon(sources, output)
    console.log(`compiled with ${compiler}: ${output}`)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
} else {
  console.error('usage: flash-attn-tfjs build      compiles the native op for tfjs-node into your cache folder')
  process.exitCode = 1
}
