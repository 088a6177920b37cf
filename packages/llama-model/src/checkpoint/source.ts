import { nodeModules } from './node.ts'

/** The bytes of one file from first to last. */
export interface ByteStream {
  /** Of the file, where known. */
  readonly size: number | undefined
  /** The next `length` bytes; fewer where the file ends. */
  read(length: number): Promise<Uint8Array<ArrayBuffer>>
  close(): Promise<void>
}

/** A folder of files, on disk or on a server. */
export interface Source {
  /** Where a file is, for messages. */
  at(name: string): string
  /** undefined when there is no such file. */
  open(name: string): Promise<ByteStream | undefined>
}

/** A folder's path, a file: or http(s): URL; where there is no file system, paths are relative URLs. */
export function openSource(location: string | URL): Source {
  const text = String(location)
  const node = nodeModules()
  if (!node || /^https?:/i.test(text)) return server(text)
  return folder(/^file:/i.test(text) ? node.url.fileURLToPath(text) : text)
}

function folder(dir: string): Source {
  const { fs, path } = nodeModules()!
  return {
    at: (name) => path.join(dir, name),
    async open(name) {
      const handle = await fs.open(path.join(dir, name)).catch((error: { code?: unknown }) => {
        if (error.code === 'ENOENT') return undefined
        throw error
      })
      if (!handle) return undefined
      return {
        size: (await handle.stat()).size,
        async read(length) {
          const bytes = new Uint8Array(length)
          let done = 0
          while (done < length) {
            const { bytesRead } = await handle.read(bytes, done, Math.min(2 ** 26, length - done)) // one call reads at most 2 GiB
            if (bytesRead === 0) break
            done += bytesRead
          }
          return bytes.subarray(0, done)
        },
        close: () => handle.close(),
      }
    },
  }
}

function server(base: string): Source {
  const [, folder = '', query = ''] = /^([^?#]*?)\/?(\?[^#]*)?(#.*)?$/.exec(base) ?? []
  const at = (name: string) => `${folder}/${name}${query}`
  return {
    at,
    async open(name) {
      const response = await fetch(at(name))
      if (response.status === 404) return undefined
      if (!response.ok || !response.body) throw new Error(`loadPretrained: ${at(name)} answers ${response.status} ${response.statusText}.`)
      const length = response.headers.get('content-encoding') ? null : response.headers.get('content-length')
      return { size: length === null ? undefined : Number(length), ...readBody(response.body.getReader()) }
    },
  }
}

function readBody(reader: ReadableStreamDefaultReader<Uint8Array>): Omit<ByteStream, 'size'> {
  let rest = new Uint8Array()
  return {
    async read(length) {
      const bytes = new Uint8Array(length)
      let done = 0
      while (done < length) {
        if (rest.length === 0) {
          const { value, done: ended } = await reader.read()
          if (ended) break
          rest = value as Uint8Array<ArrayBuffer>
        }
        const part = rest.subarray(0, length - done)
        bytes.set(part, done)
        done += part.length
        rest = rest.subarray(part.length)
      }
      return bytes.subarray(0, done)
    },
    close: () => reader.cancel(),
  }
}
