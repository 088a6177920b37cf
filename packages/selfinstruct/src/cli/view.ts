import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SourceDocument } from '../types.ts'
import { viewerPage } from '../viewer/viewer-page.ts'
import { readOutcomes } from './read-outcomes.ts'

/** Writes view.html of the outcomes in a folder. */
export async function writeView(folder: string, title: string, documents: AsyncIterable<SourceDocument>): Promise<void> {
  const outcomes = await readOutcomes(folder)
  const page = join(folder, 'view.html')
  writeFileSync(`${page}.part`, await viewerPage({ title, outcomes, documents }))
  renameSync(`${page}.part`, page)
  console.log(`wrote ${page}`)
}
