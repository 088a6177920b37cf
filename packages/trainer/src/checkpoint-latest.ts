import { byValidationLoss, type StepFolder, stepFolders } from './checkpoint-folders.ts'
import { nodeModules } from './file-system.ts'
import { readManifest } from './manifest.ts'

export interface FoundCheckpoint {
  /** Folder of a whole checkpoint; undefined when there is none. */
  readonly path: string | undefined
  /** Its step; 0 when there is none. */
  readonly step: number
  /** Folders that were passed over, and unfinished saves, each with the reason. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[]
}

/**
 * The newest checkpoint in `dir` whose files have the size and sha256 that its `trainer.json` states, and what was passed over on the way.
 * A folder that does not exist holds none. Reads one file chunk at a time, no tensors. Node only.
 */
export const latestCheckpoint = (dir: string): Promise<FoundCheckpoint> => firstWhole(dir, async (folders) => folders)

/** As `latestCheckpoint`: the one with the lowest validation loss in its report, among those that have one. Node only. */
export const bestCheckpoint = (dir: string): Promise<FoundCheckpoint> => firstWhole(dir, (folders) => byValidationLoss(dir, folders))

async function firstWhole(dir: string, order: (folders: StepFolder[]) => Promise<StepFolder[]>): Promise<FoundCheckpoint> {
  const { path } = nodeModules('latestCheckpoint')
  const { complete, leftovers } = await stepFolders(dir).catch((error: { code?: unknown }) => {
    if (error.code === 'ENOENT') return { complete: [], leftovers: [] }
    throw error
  })
  const skipped = leftovers.map((name) => ({ path: path.join(dir, name), reason: 'left behind by an interrupted save' }))
  for (const { name, step } of await order(complete)) {
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
