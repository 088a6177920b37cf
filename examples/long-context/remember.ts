// Answers of a chat model, kept as they come: an interrupted or failed stage asks nothing twice.
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import type { Complete } from 'selfinstruct'
import { writeWhole } from './run.ts'

/**
 * `complete` of the model called `author`, with every answer appended to `file` as a JSON line before it is returned. Answers already there
 * are given again, in the order they came in for the same messages; a half-written last line is ignored.
 */
export function remember(complete: Complete, author: string, file: string): Complete {
  const known = new Map<string, string[]>()
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
  writeWhole(file, lines.map((line) => `${line}\n`).join(''))
  for (const line of lines) {
    const { author, messages, answer }: { author: string; messages: unknown; answer: string } = JSON.parse(line)
    const key = JSON.stringify([author, messages])
    known.set(key, [...(known.get(key) ?? []), answer])
  }
  return async (messages, options) => {
    const before = known.get(JSON.stringify([author, messages]))?.shift()
    if (before !== undefined) return before
    const answer = await complete(messages, options)
    appendFileSync(file, `${JSON.stringify({ author, messages, answer })}\n`)
    return answer
  }
}
