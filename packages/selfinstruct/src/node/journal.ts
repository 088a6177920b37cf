import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { failure } from '../failure.ts'
import type { Complete, CompleteOptions, Message } from '../types.ts'
import { journalHeader, scanJournal } from './scan-journal.ts'

export interface Journal {
  /** Replies it holds. */
  readonly size: () => number
  /** Lines that could not be read when it was opened; their requests are asked again. */
  readonly damaged: number
  /** `complete` that answers from the journal what it holds, and returns a new reply once it is safely on the disk. */
  readonly remember: (complete: Complete) => Complete
  readonly close: () => Promise<void>
}

/**
 * An append-only file of replies, one JSON line each, synchronised to the disk: a run that was stopped in any way goes on without asking twice
 * for what it holds. `run` says what the replies belong to (model, prompts, …; any JSON); a journal of another run is refused. A line that was
 * cut off is dropped. One process at a time may write to it.
 * @throws Error for a file that is no journal, or one of another run. A reply that cannot be written makes its call and all later ones fail, fatally.
 */
export async function openJournal(path: string, { run }: { readonly run: unknown }): Promise<Journal> {
  const header = journalHeader(run)
  const { places, bytes, damaged } = await scanJournal(path, header)
  const file = await open(path, bytes === 0 ? 'w+' : 'r+')
  let end = bytes
  let broken: Error | undefined
  let queue: { line: Buffer; key: string; done: () => void; failed: (error: Error) => void }[] = []
  let writing: Promise<void> | undefined

  try {
    await file.truncate(end)
    if (end === 0) {
      await writeWhole(file, Buffer.from(header), 0)
      await file.datasync()
      end = Buffer.byteLength(header)
    }
  } catch (error) {
    await file.close()
    throw new Error(
      `openJournal: '${path}' cannot be written (${error instanceof Error ? error.message : error}). Make room, or choose another path.`,
    )
  }
  /** All lines that came in meanwhile share one write and one sync. */
  const drain = async (): Promise<void> => {
    while (queue.length > 0) {
      const batch = queue
      queue = []
      try {
        if (broken) throw broken
        const block = Buffer.concat(batch.map(({ line }) => line))
        await writeWhole(file, block, end)
        await file.datasync()
        for (const { line, key, done } of batch) {
          places.set(key, [end, line.length])
          end += line.length
          done()
        }
      } catch (error) {
        broken ??= await unwritable(error)
        for (const { failed } of batch) failed(broken)
      }
    }
    writing = undefined
  }
  const unwritable = async (error: unknown): Promise<Error> => {
    await file.truncate(end).catch(() => {}) // what was written of these lines; a cut line would be dropped at the next opening, too
    const why = error instanceof Error ? error.message : String(error)
    return failure(`openJournal: '${path}' cannot be written (${why}). Its ${places.size} replies are safe; make room, then resume.`, {
      fatal: true,
    })
  }
  const append = (key: string, reply: string): Promise<void> =>
    new Promise((done, failed) => {
      if (broken) return failed(broken)
      queue.push({ line: Buffer.from(`${JSON.stringify({ key, reply })}\n`), key, done, failed })
      writing ??= drain()
    })
  const read = async ([start, length]: readonly [number, number]): Promise<string> => {
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, start)
    return JSON.parse(buffer.toString('utf8')).reply
  }
  return {
    size: () => places.size,
    damaged,
    remember: (complete) => async (messages, options) => {
      const key = keyOf(messages, options)
      const place = places.get(key)
      if (place !== undefined) return read(place)
      const reply = await complete(messages, options)
      await append(key, reply)
      return reply
    },
    close: async () => {
      await writing
      await file.close()
    },
  }
}

/** Of everything that decides a reply. */
const keyOf = (messages: readonly Message[], { temperature, maxTokens, seed }: CompleteOptions = {}): string =>
  createHash('sha256')
    .update(JSON.stringify([messages, temperature, maxTokens, seed]))
    .digest('base64url')
    .slice(0, 22)

async function writeWhole(file: FileHandle, block: Buffer, position: number): Promise<void> {
  for (let written = 0; written < block.length; )
    written += (await file.write(block, written, block.length - written, position + written)).bytesWritten
}
