import { nodeModules } from '../node.ts'
import type { Source } from '../source.ts'

/** A folder of Node's file system. */
export function folder(dir: string): Source {
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
