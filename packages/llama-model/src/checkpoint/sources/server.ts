import type { ByteStream, Source } from '../source.ts'

const maxAttempts = 5
const waitMilliseconds = 200

/** A folder of an http(s) server. A connection that breaks is taken up again where it broke, as long as the file stays the same. */
export function server(base: string): Source {
  const [, folder = '', query = ''] = /^([^?#]*?)\/?(\?[^#]*)?(#.*)?$/.exec(base) ?? []
  const at = (name: string) => `${folder}/${name}${query}`
  return { at, open: (name) => openUrl(at(name)) }
}

/** What can be read from byte `from` on, and what makes sure that it is still the same file. */
export interface Download extends ByteStream {
  /** `ETag` or `Last-Modified`; undefined where the server tells neither, or a tag that is only nearly the same. */
  readonly version: string | undefined
  /** Where the stream begins: `from`, or 0 where the server sends the whole file again. */
  readonly from: number
  /** The next bytes as they come; undefined at the end. */
  next(): Promise<Uint8Array<ArrayBuffer> | undefined>
}

/** undefined when the server answers 404. @throws Error naming the URL for any other failure */
export async function openUrl(url: string, from = 0, version?: string): Promise<Download | undefined> {
  const first = await request(url, from, version)
  if (!first) return undefined
  const tag = versionOf(first.headers)
  const start = first.status === 206 ? from : 0
  const size = sizeOf(first, start)
  let reader = first.body!.getReader()
  let rest = new Uint8Array()
  let position = start

  async function next(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    for (let attempt = 1; ; attempt++) {
      try {
        const { value, done } = await reader.read()
        if (!done) {
          position += value.length
          return value as Uint8Array<ArrayBuffer>
        }
        if (size === undefined || position >= size || tag === undefined) return undefined
        throw new Error(`ended after ${position} of ${size} bytes`)
      } catch (error) {
        if (tag === undefined || attempt === maxAttempts) {
          throw new Error(`loadPretrained: ${url} breaks off at byte ${position}: ${String(error)}. Try again.`, { cause: error })
        }
        await new Promise((resolve) => setTimeout(resolve, waitMilliseconds * 2 ** (attempt - 1)))
        const again = await request(url, position, tag).catch(() => undefined)
        if (again?.status === 200) {
          throw new Error(`loadPretrained: ${url} changed, or cannot be continued, after ${position} bytes. Try again.`, { cause: error })
        }
        if (again) reader = again.body!.getReader()
      }
    }
  }

  return {
    size,
    version: tag,
    from: start,
    next,
    async read(bytes) {
      let done = 0
      while (done < bytes.length) {
        if (rest.length === 0) {
          const part = await next()
          if (!part) break
          rest = part
        }
        const part = rest.subarray(0, bytes.length - done)
        bytes.set(part, done)
        done += part.length
        rest = rest.subarray(part.length)
      }
      return done
    },
    close: () => reader.cancel().catch(() => {}), // a broken connection is closed already
  }
}

async function request(url: string, from: number, version: string | undefined): Promise<Response | undefined> {
  const headers = from > 0 && version !== undefined ? { Range: `bytes=${from}-`, 'If-Range': version } : {}
  const response = await fetch(url, { headers })
  if (response.status === 404) return undefined
  if (!response.ok || !response.body) throw new Error(`loadPretrained: ${url} answers ${response.status} ${response.statusText}.`)
  return response
}

function versionOf(headers: Headers): string | undefined {
  if (headers.get('content-encoding')) return undefined // bytes of the connection are not those of the file
  const tag = headers.get('etag')
  return tag !== null && !tag.startsWith('W/') ? tag : (headers.get('last-modified') ?? undefined)
}

function sizeOf({ headers }: Response, from: number): number | undefined {
  const length = headers.get('content-encoding') ? null : headers.get('content-length')
  return length === null ? undefined : from + Number(length)
}
