import type { ByteStream, Source } from '../source.ts'
import { openUrl } from './server.ts'
import type { Storage } from './storage.ts'

/** What is known of a cached file; it lies beside it as JSON. */
interface Record {
  readonly url: string
  readonly version?: string | undefined
  readonly complete: boolean
}

/**
 * A folder of a server, whose files are kept in `storage`: fetched once, and where a fetch broke off, it goes on there the next time if the
 * server can tell that the file is still the same. Files that are there are not asked for again.
 */
export function cached(remote: Source, storage: Storage): Source {
  return {
    at: remote.at,
    async open(name) {
      const url = remote.at(name)
      const key = `${await digest(url)}-${name.replace(/[^\w.-]/g, '_')}`
      const record = await readRecord(storage, key, url)
      if (!record?.complete && !(await download(storage, key, url, record))) return undefined
      return storage.open(key)
    },
  }
}

/** Whether there was anything at the URL. */
async function download(storage: Storage, key: string, url: string, record: Record | undefined): Promise<boolean> {
  const partial = record?.version === undefined ? 0 : await sizeOf(storage, key)
  const stream = await openUrl(url, partial, record?.version)
  if (!stream) return false
  let position = stream.from
  try {
    const { version, size } = stream
    await storage.writeText(`${key}.json`, JSON.stringify({ url, version, complete: false } satisfies Record))
    const file = await storage.append(key, position)
    try {
      for (let part = await stream.next(); part; part = await stream.next()) {
        await file.write(part)
        position += part.length
      }
    } finally {
      await file.close() // what came is kept
    }
    if (size !== undefined && size !== position) {
      throw new Error(`loadPretrained: ${url} ended after ${position} of ${size} bytes. Try again.`)
    }
    const stored = await sizeOf(storage, key)
    if (stored !== position) {
      throw new Error(
        `loadPretrained: ${url}: ${position} bytes were written to the cache and ${stored} are there; empty it and try again.`,
      )
    }
    await storage.writeText(`${key}.json`, JSON.stringify({ url, version, complete: true } satisfies Record))
    return true
  } finally {
    await stream.close()
  }
}

async function readRecord(storage: Storage, key: string, url: string): Promise<Record | undefined> {
  try {
    const record = JSON.parse((await storage.readText(`${key}.json`)) ?? 'null') as Record | null
    return record?.url === url ? record : undefined
  } catch {
    return undefined // half-written by a process that died: fetched anew
  }
}

async function sizeOf(storage: Storage, key: string): Promise<number> {
  const stream: ByteStream | undefined = await storage.open(key)
  await stream?.close()
  return stream?.size ?? 0
}

async function digest(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
  return Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
