import { nodeModules } from '../node.ts'
import { movedAway } from '../replace-folder.ts'
import type { Source } from '../source.ts'

/** A folder of Node's file system; where a save died while it replaced the folder, the one that was there before. */
export function folder(dir: string): Source {
  const { fs, path } = nodeModules()!
  const orMissing = (error: { code?: unknown }) => {
    if (error.code !== 'ENOENT') throw error
    return undefined
  }
  return {
    at: (name) => path.join(dir, name),
    async open(name) {
      const isThere = (await fs.stat(dir).catch(orMissing)) !== undefined
      const handle = await fs.open(path.join(isThere ? dir : `${path.resolve(dir)}${movedAway}`, name)).catch(orMissing)
      if (!handle) return undefined
      return {
        size: (await handle.stat()).size,
        async read(bytes) {
          let done = 0
          while (done < bytes.length) {
            const { bytesRead } = await handle.read(bytes, done, Math.min(2 ** 26, bytes.length - done)) // one call reads at most 2 GiB
            if (bytesRead === 0) break
            done += bytesRead
          }
          return done
        },
        close: () => handle.close(),
      }
    },
  }
}
