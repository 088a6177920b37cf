import { nodeModules } from './node.ts'
import type { Source } from './source.ts'
import { cached } from './sources/cache.ts'
import { directory, files } from './sources/files.ts'
import { folder } from './sources/folder.ts'
import { server } from './sources/server.ts'
import { browserStorage, nodeStorage } from './sources/storage.ts'

/**
 * Where a model lies: a folder in the layout of Hugging Face, or one file ending in `.gguf` or `.bin`, as a path, a `file:` or
 * `http(s):` URL (in a browser also a relative one), as files that a user chose, or as a folder of the origin private file system.
 */
export type ModelLocation = string | URL | File | Iterable<File> | FileSystemDirectoryHandle

/** Where files of a server are kept: a folder's path in Node, a folder of the origin private file system in a browser. */
export type ModelCache = string | FileSystemDirectoryHandle

/** The folder, and the name of the file in it where the location is a single file. */
export interface Place {
  readonly source: Source
  readonly file?: string | undefined
}

const isModelFile = (name: string) => /\.(gguf|bin)$/i.test(name)

export function locate(location: ModelLocation, cache?: ModelCache): Place {
  if (typeof location === 'string' || location instanceof URL) return atAddress(String(location), cache)
  if (isDirectory(location)) return { source: directory(location) }
  const list = Symbol.iterator in location ? Array.from(location) : [location]
  const [first] = list
  return { source: files(list), file: list.length === 1 && first && isModelFile(first.name) ? first.name : undefined }
}

const isDirectory = (location: object): location is FileSystemDirectoryHandle => 'kind' in location && location.kind === 'directory'

function atAddress(text: string, cache: ModelCache | undefined): Place {
  const node = nodeModules()
  if (!node || /^https?:/i.test(text)) {
    const [, start = '', path = '', name = '', rest = ''] = /^(\w+:\/\/[^/?#]*)?([^?#]*?)([^/?#]*)([?#].*)?$/.exec(text) ?? []
    const remote = server(isModelFile(name) ? `${start}${path}${rest}` : text)
    const source = cache === undefined ? remote : cached(remote, typeof cache === 'string' ? nodeStorage(cache) : browserStorage(cache))
    return { source, file: isModelFile(name) ? name : undefined }
  }
  const path = /^file:/i.test(text) ? node.url.fileURLToPath(text) : text
  if (!isModelFile(path)) return { source: folder(path) }
  return { source: folder(node.path.dirname(path)), file: node.path.basename(path) }
}
