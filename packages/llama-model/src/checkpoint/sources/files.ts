import type { ByteStream, Source } from '../source.ts'

/** Files that a user chose or dropped; those of a folder go by the last part of their path. */
export function files(list: Iterable<File>): Source {
  const byName = new Map(Array.from(list, (file) => [file.name, file]))
  return {
    at: (name) => name,
    open: async (name) => {
      const file = byName.get(name)
      return file && blobStream(file)
    },
  }
}

/** A folder of the origin private file system, or one that a user gave access to. */
export function directory(handle: FileSystemDirectoryHandle): Source {
  return {
    at: (name) => (handle.name ? `${handle.name}/${name}` : name),
    async open(name) {
      try {
        return blobStream(await (await handle.getFileHandle(name)).getFile())
      } catch (error) {
        if ((error as { name?: unknown }).name === 'NotFoundError') return undefined
        throw error
      }
    },
  }
}

function blobStream(blob: Blob): ByteStream {
  let position = 0
  return {
    size: blob.size,
    async read(bytes) {
      const part = new Uint8Array(await blob.slice(position, position + bytes.length).arrayBuffer())
      bytes.set(part)
      position += part.length
      return part.length
    },
    close: async () => {},
  }
}
