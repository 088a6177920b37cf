import { createReadStream, existsSync } from 'node:fs'

/** Where each reply stands: offset and length of its line. */
export type Places = Map<string, readonly [offset: number, length: number]>

export const journalHeader = (run: unknown): string => `${JSON.stringify({ journal: 'selfinstruct', version: 1, run })}\n`

/**
 * Reads a journal from its beginning, a piece at a time. `bytes` is where its last whole line ends: 0 for a file that is missing, empty, or cut off
 * within its header.
 */
export async function scanJournal(path: string, header: string): Promise<{ places: Places; bytes: number; damaged: number }> {
  const places: Places = new Map()
  let [bytes, damaged] = [0, 0]
  if (!existsSync(path)) return { places, bytes, damaged }
  let rest = Buffer.alloc(0)
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) {
    const block = Buffer.concat([rest, piece])
    let from = 0
    for (let end = block.indexOf(10); end >= 0; end = block.indexOf(10, from)) {
      const line = block.toString('utf8', from, end)
      const length = end + 1 - from
      if (bytes === 0) checkHeader(path, line, header)
      else {
        const key = keyIn(line)
        if (key === undefined) damaged++
        else places.set(key, [bytes, length])
      }
      bytes += length
      from = end + 1
    }
    rest = block.subarray(from)
  }
  if (bytes === 0 && rest.length > 0 && !header.startsWith(rest.toString('utf8'))) checkHeader(path, rest.toString('utf8'), header)
  return { places, bytes, damaged: damaged + Number(bytes > 0 && rest.length > 0) }
}

function keyIn(line: string): string | undefined {
  try {
    const { key, reply } = JSON.parse(line)
    return typeof key === 'string' && typeof reply === 'string' ? key : undefined
  } catch {
    return undefined
  }
}

function checkHeader(path: string, line: string, header: string): void {
  if (`${line}\n` === header) return
  if (!line.startsWith('{"journal":"selfinstruct"'))
    throw new Error(`openJournal: '${path}' is no journal; it begins with ${JSON.stringify(line.slice(0, 60))}. Choose another path.`)
  throw new Error(
    `openJournal: '${path}' belongs to another run: ${line.slice(0, 300)}, this one is ${header.trim().slice(0, 300)}. Choose another path, or the settings of that run.`,
  )
}
