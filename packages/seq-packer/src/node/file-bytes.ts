import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { Decompress } from 'fzstd'
import type { SourceFile } from './source-files.ts'

const chunkBytes = 2 ** 20

/** What a compressed file breaks with. */
export const isBroken = Symbol('broken compression')

/**
 * The bytes of a file, decompressed, in chunks that belong to the caller. Throws an error marked with `isBroken` where the compression
 * is, after all that can be read.
 */
export async function* fileBytes({ path, compression }: Pick<SourceFile, 'path' | 'compression'>): AsyncGenerator<Uint8Array, void> {
  const file = createReadStream(path, { highWaterMark: chunkBytes })
  if (compression === 'zst') return yield* unzst(file)
  if (compression === undefined) return yield* file
  const unzipped = createGunzip({ chunkSize: chunkBytes })
  file.on('error', (error) => unzipped.destroy(error))
  try {
    yield* file.pipe(unzipped)
  } catch (error) {
    throw error instanceof Error && 'code' in error && String(error.code).startsWith('Z_') ? broken(error.message) : error
  } finally {
    file.destroy()
  }
}

async function* unzst(file: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  let ready: Uint8Array[] = []
  let ended = false
  let failure: Error | undefined
  const stream = new Decompress((chunk, final) => {
    if (chunk.length > 0) ready.push(chunk.slice()) // fzstd uses its memory again
    ended ||= final === true
  })
  const push = (bytes: Uint8Array, final: boolean): void => {
    try {
      stream.push(bytes, final)
    } catch (error) {
      failure = broken(error instanceof Error ? error.message : String(error))
    }
  }
  for await (const bytes of file) {
    push(bytes, false)
    yield* ready
    ready = []
    if (failure) throw failure
  }
  push(new Uint8Array(0), true)
  yield* ready
  if (failure || !ended) throw failure ?? broken('unexpected end of file')
}

const broken = (message: string): Error => Object.assign(new Error(message), { [isBroken]: true })
