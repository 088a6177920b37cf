import { closeSync, fsyncSync, ftruncateSync, openSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Outcome } from '../types.ts'

/** `outcomes.jsonl` in a folder, written beside it and put into its place at the end. */
export function outcomeFile(folder: string): { readonly add: (outcome: Outcome) => void; readonly close: () => void } {
  const path = join(folder, 'outcomes.jsonl')
  const file = openSync(`${path}.part`, 'w')
  let end = 0
  return {
    add(outcome) {
      const line = Buffer.from(`${JSON.stringify(outcome)}\n`)
      try {
        for (let written = 0; written < line.length; ) written += writeSync(file, line, written)
        end += line.length
      } catch (error) {
        ftruncateSync(file, end)
        throw new Error(
          `${path} cannot be written (${error instanceof Error ? error.message : error}). Make room, then go on with --resume.`,
        )
      }
    },
    close() {
      fsyncSync(file)
      closeSync(file)
      renameSync(`${path}.part`, path)
    },
  }
}
