import { nodeModules } from '../node.ts'
import type { ByteStream } from '../source.ts'
import { directory } from './files.ts'
import { folder } from './folder.ts'

/** A folder that can be written, of Node's file system or of a browser. */
export interface Storage {
  open(name: string): Promise<ByteStream | undefined>
  readText(name: string): Promise<string | undefined>
  writeText(name: string, text: string): Promise<void>
  /** Writes on from byte `position`; what lay behind it is gone. What was written stays, even when `close` comes early. */
  append(name: string, position: number): Promise<{ write(bytes: Uint8Array<ArrayBuffer>): Promise<void>; close(): Promise<void> }>
}

export function nodeStorage(dir: string): Storage {
  const { fs, path } = nodeModules()!
  const make = () => fs.mkdir(dir, { recursive: true })
  return {
    open: (name) => folder(dir).open(name),
    readText: (name) =>
      fs.readFile(path.join(dir, name), 'utf8').catch((error: { code?: unknown }) => {
        if (error.code === 'ENOENT') return undefined
        throw error
      }),
    async writeText(name, text) {
      await make()
      await fs.writeFile(path.join(dir, name), text)
    },
    async append(name, position) {
      await make()
      const handle = await fs.open(path.join(dir, name), 'a')
      await handle.truncate(position)
      return { write: (bytes) => handle.writeFile(bytes), close: () => handle.close() }
    },
  }
}

export function browserStorage(handle: FileSystemDirectoryHandle): Storage {
  const source = directory(handle)
  const writable = async (name: string, keepExistingData: boolean) =>
    (await handle.getFileHandle(name, { create: true })).createWritable({ keepExistingData })
  return {
    open: (name) => source.open(name),
    async readText(name) {
      const stream = await source.open(name)
      if (!stream) return undefined
      const bytes = new Uint8Array(stream.size!)
      await stream.read(bytes)
      return new TextDecoder().decode(bytes)
    },
    async writeText(name, text) {
      const file = await writable(name, false)
      await file.write(text)
      await file.close()
    },
    async append(name, position) {
      const file = await writable(name, true)
      await file.truncate(position)
      await file.seek(position)
      return { write: (bytes) => file.write(bytes), close: () => file.close() }
    },
  }
}
