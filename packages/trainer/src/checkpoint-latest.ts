import { nodeModules } from './file-system.ts'
import { readManifest } from './manifest.ts'

export interface LatestCheckpoint {
  /** Folder of the newest whole checkpoint; undefined when there is none. */
  readonly path: string | undefined
  /** Its step; 0 when there is none. */
  readonly step: number
  /** Newer folders that were passed over, newest first, and unfinished saves, each with the reason. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[]
}

/** `step-00000123`: eight digits, so that names sort by step. */
export const folderName = (step: number): string => `step-${String(step).padStart(8, '0')}`

/** The checkpoint folders in `dir`, newest first, and what interrupted saves left behind. */
export async function stepFolders(dir: string): Promise<{ complete: { name: string; step: number }[]; leftovers: string[] }> {
  const { fs } = nodeModules('latestCheckpoint')
  const names = await fs.readdir(dir)
  const complete = names.filter((name) => /^step-\d{8,}$/.test(name)).map((name) => ({ name, step: Number(name.slice(5)) }))
  return { complete: complete.sort((a, b) => b.step - a.step), leftovers: names.filter((name) => /^step-\d{8,}\.(tmp|old)$/.test(name)) }
}

/**
 * The newest checkpoint in `dir` whose files have the size and sha256 that its `trainer.json` states, and what was passed over on the way.
 * A folder that does not exist holds none. Reads one file chunk at a time, no tensors. Node only.
 */
export async function latestCheckpoint(dir: string): Promise<LatestCheckpoint> {
  const { path } = nodeModules('latestCheckpoint')
  const { complete, leftovers } = await stepFolders(dir).catch((error: { code?: unknown }) => {
    if (error.code === 'ENOENT') return { complete: [], leftovers: [] }
    throw error
  })
  const skipped = leftovers.map((name) => ({ path: path.join(dir, name), reason: 'left behind by an interrupted save' }))
  for (const { name, step } of complete) {
    const folder = path.join(dir, name)
    const reason = await defect(folder)
    if (reason === undefined) return { path: folder, step, skipped }
    skipped.push({ path: folder, reason })
  }
  return { path: undefined, step: 0, skipped }
}

/** What is wrong with a checkpoint folder; undefined when it is whole. */
async function defect(folder: string): Promise<string | undefined> {
  const { fs, path, crypto } = nodeModules('latestCheckpoint')
  try {
    const { files } = await readManifest(folder)
    for (const [name, { bytes, sha256 }] of Object.entries(files)) {
      const { size } = await fs.stat(path.join(folder, name))
      if (size !== bytes) return `${name} has ${size} bytes, not ${bytes}`
      const hash = crypto.createHash('sha256')
      const handle = await fs.open(path.join(folder, name))
      for await (const chunk of handle.createReadStream({ highWaterMark: 2 ** 20 })) hash.update(chunk)
      if (hash.digest('hex') !== sha256) return `the sha256 of ${name} is wrong`
    }
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
