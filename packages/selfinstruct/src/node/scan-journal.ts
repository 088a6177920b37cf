import { createReadStream, existsSync } from 'node:fs'

/** Where each reply stands: offset and length of its line. */
export type Places = Map<string, readonly [offset: number, length: number]>

export interface Scan {
  readonly places: Places
  /** Where the last whole line ends: 0 for a file that is missing, empty, or cut off within its header. */
  readonly bytes: number
  /** Lines that cannot be read, one that was cut off among them. */
  readonly damaged: number
  /** Lines whose request a later line answers again. */
  readonly replaced: number
}

export const journalHeader = (run: unknown): string => `${JSON.stringify({ journal: 'selfinstruct', version: 1, run })}\n`

/** Reads a journal from its beginning, a piece at a time; without `header` that of any run. */
export async function scanJournal(path: string, header?: string): Promise<Scan> {
  const places: Places = new Map()
  let [bytes, damaged, replaced] = [0, 0, 0]
  if (!existsSync(path)) return { places, bytes, damaged, replaced }
  for await (const { lines, rest } of linesOf(path)) {
    for (const line of lines) {
      if (bytes === 0) checkHeader(path, line.toString('utf8'), header)
      else {
        const key = keyIn(line)
        if (key === undefined) damaged++
        else {
          if (places.has(key)) replaced++
          places.set(key, [bytes, line.length])
        }
      }
      bytes += line.length
    }
    if (rest === undefined) continue
    if (bytes > 0) damaged++
    else if (!header?.startsWith(rest.toString('utf8'))) checkHeader(path, rest.toString('utf8'), header)
  }
  return { places, bytes, damaged, replaced }
}

/** Whole lines of a file, many at a time, their line ends included; at the end what comes after the last line end, if anything does. */
export async function* linesOf(
  path: string,
): AsyncGenerator<{ readonly lines: readonly Buffer[]; readonly rest?: Buffer }, void, undefined> {
  let rest = Buffer.alloc(0)
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) {
    const block = Buffer.concat([rest, piece])
    const lines: Buffer[] = []
    let from = 0
    for (let end = block.indexOf(10); end >= 0; end = block.indexOf(10, from)) {
      lines.push(block.subarray(from, end + 1))
      from = end + 1
    }
    rest = block.subarray(from)
    yield { lines }
  }
  if (rest.length > 0) yield { lines: [], rest }
}

/** Of the request that a line answers; undefined for a damaged line. */
export function keyIn(line: Buffer): string | undefined {
  try {
    const { key, reply } = JSON.parse(line.toString('utf8'))
    return typeof key === 'string' && typeof reply === 'string' ? key : undefined
  } catch {
    return undefined
  }
}

function checkHeader(path: string, line: string, header: string | undefined): void {
  if (line === header) return
  if (!line.startsWith('{"journal":"selfinstruct"'))
    throw new Error(`openJournal: '${path}' is no journal; it begins with ${JSON.stringify(line.slice(0, 60))}. Choose another path.`)
  if (header === undefined) return
  throw new Error(
    `openJournal: '${path}' belongs to another run: ${line.trim().slice(0, 300)}, this one is ${header.trim().slice(0, 300)}. Choose another path, or the settings of that run.`,
  )
}
