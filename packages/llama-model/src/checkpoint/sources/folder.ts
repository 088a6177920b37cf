import { nodeModules } from '../node.ts'
import { movedAway } from '../replace-folder.ts'
import type { Source } from '../source.ts'

const maxBytes = 2 ** 26 // one call reads at most 2 GiB
const fewBytes = 2 ** 16 // asking another thread takes longer

/** A folder of Node's file system; where a save died while it replaced the folder, the one that was there before. */
export function folder(dir: string): Source {
  const { fs, path, readSync } = nodeModules()!
  const orMissing = (error: { code?: unknown }) => {
    if (error.code !== 'ENOENT') throw error
    return undefined
  }
  return {
    at: (name) => path.join(dir, name),
    async open(name) {
      const openIn = (dir: string) => fs.open(path.join(dir, name)).catch(orMissing)
      const isThere = async () => (await fs.stat(dir).catch(orMissing)) !== undefined
      const handle = (await openIn(dir)) ?? ((await isThere()) ? undefined : await openIn(`${path.resolve(dir)}${movedAway}`))
      if (!handle) return undefined
      const readSyncAll = (bytes: Uint8Array): number => {
        let done = 0
        while (done < bytes.length) {
          const length = readSync(handle.fd, bytes, done, Math.min(maxBytes, bytes.length - done), null)
          if (length === 0) break
          done += length
        }
        return done
      }
      const readAt = async (bytes: Uint8Array, position: number | null): Promise<number> => {
        let done = 0
        while (done < bytes.length) {
          const from = position === null ? null : position + done
          const { bytesRead } = await handle.read(bytes, done, Math.min(maxBytes, bytes.length - done), from)
          if (bytesRead === 0) break
          done += bytesRead
        }
        return done
      }
      return {
        size: (await handle.stat()).size,
        read: async (bytes) => (bytes.length <= fewBytes ? readSyncAll(bytes) : readAt(bytes, null)),
        readSync: readSyncAll,
        readAt,
        close: () => handle.close(),
      }
    },
  }
}
