import { open, rename, rm } from 'node:fs/promises'
import { keyIn, linesOf, scanJournal } from './scan-journal.ts'

const BLOCK = 1 << 20

/**
 * Writes a journal anew without the lines that cannot be read, or whose request a later line answers again: beside it, then into its place, so that
 * it is whole at any moment. Not to be done while a process writes to it.
 * @throws Error for a file that is no journal, or when there is no room for the new one.
 */
export async function compactJournal(path: string): Promise<{ readonly kept: number; readonly dropped: number }> {
  const { places, bytes, damaged, replaced } = await scanJournal(path)
  if (bytes === 0) throw new Error(`compactJournal: '${path}' holds no journal. Is the path right?`)
  const beside = `${path}.part`
  const file = await open(beside, 'w')
  try {
    let [offset, size] = [0, 0]
    let waiting: Buffer[] = []
    const write = async (): Promise<void> => {
      await file.writeFile(Buffer.concat(waiting))
      waiting = []
      size = 0
    }
    for await (const { lines } of linesOf(path)) {
      for (const line of lines) {
        if (offset === 0 || places.get(keyIn(line) ?? '')?.[0] === offset) {
          waiting.push(line)
          size += line.length
        }
        offset += line.length
      }
      if (size > BLOCK) await write()
    }
    await write()
    await file.sync()
    await file.close()
    await rename(beside, path)
  } catch (error) {
    await file.close().catch(() => {})
    await rm(beside, { force: true })
    throw error
  }
  return { kept: places.size, dropped: damaged + replaced }
}
