import { createReadStream, existsSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Outcome, SourceDocument } from '../types.ts'
import { viewerPage } from '../viewer/viewer-page.ts'

/** Writes view.html of the outcomes in a folder. */
export async function writeView(folder: string, title: string, documents: AsyncIterable<SourceDocument>): Promise<void> {
  const path = join(folder, 'outcomes.jsonl')
  if (!existsSync(path))
    throw new RangeError(`${path} does not exist: there is nothing to view. Name --chat-url and --chat-model to make it.`)
  const outcomes: Outcome[] = []
  for await (const line of createInterface({ input: createReadStream(path) })) outcomes.push(JSON.parse(line))
  const page = join(folder, 'view.html')
  writeFileSync(`${page}.part`, await viewerPage({ title, outcomes, documents }))
  renameSync(`${page}.part`, page)
  console.log(`wrote ${page}`)
}
