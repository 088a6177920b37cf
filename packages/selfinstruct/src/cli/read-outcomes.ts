import { createReadStream, existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Outcome } from '../types.ts'

/** What a run left in its folder. */
export async function readOutcomes(folder: string): Promise<Outcome[]> {
  const path = join(folder, 'outcomes.jsonl')
  if (!existsSync(path))
    throw new RangeError(`${path} does not exist: there is nothing to view. Name --chat-url and --chat-model to make it.`)
  const outcomes: Outcome[] = []
  for await (const line of createInterface({ input: createReadStream(path) })) outcomes.push(JSON.parse(line))
  return outcomes
}
