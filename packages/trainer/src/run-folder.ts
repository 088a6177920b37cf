import { latestCheckpoint } from './checkpoint-latest.ts'
import { nodeModules, writeError, writeText } from './file-system.ts'

const held = new Set<string>() // by this process

/**
 * Creates the folder of a run, proves that it can be written to, and takes it for this process: the file `lock` holds the process' id and
 * start, so that what a killed process left holds nothing. Returns what gives it back.
 * @throws Error when it cannot be written, or when a living process holds it.
 */
export async function takeFolder(dir: string): Promise<() => Promise<void>> {
  const { fs, path } = nodeModules('train')
  const file = path.resolve(dir, 'lock')
  const probe = path.join(dir, 'step-00000000.tmp')
  try {
    await fs.mkdir(probe, { recursive: true })
    await writeText('train', path.join(probe, 'probe'), 'may be deleted\n')
    await fs.rm(probe, { recursive: true })
  } catch (error) {
    throw writeError('train', `checkpoint.dir ${dir}`, 'No step was made.', error)
  }
  const own = JSON.stringify(await identity(process.pid))
  while (!(await created(file, own))) {
    const owner = held.has(file) ? { pid: process.pid, start: null } : await fs.readFile(file, 'utf8').then(parseOwner, () => undefined)
    if (owner && (await isAlive(owner)))
      throw new Error(
        `train: checkpoint.dir ${dir} is in use by process ${owner.pid}; two runs would overwrite each other. ` +
          `Wait for it or choose another folder. If no such run exists, delete ${file}. No step was made.`,
      )
    await fs.rm(file, { force: true })
  }
  held.add(file)
  return async () => {
    held.delete(file)
    await fs.rm(file, { force: true }).catch(() => {}) // a vanished folder holds no lock
  }
}

/** Two histories in one folder would let a later resume continue the wrong one. */
export async function refuseLater(dir: string, step: number): Promise<void> {
  const { path: newest, step: found } = await latestCheckpoint(dir)
  if (newest !== undefined && found > step)
    throw new RangeError(
      `train: checkpoint.dir holds ${newest}, the run starts at step ${step}. ` +
        "To go on from there pass resume: 'latest'; to start over choose an empty folder.",
    )
}

/** False where `file` is there already. */
async function created(file: string, content: string): Promise<boolean> {
  try {
    await nodeModules('train').fs.writeFile(file, content, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as { code?: unknown }).code === 'EEXIST') return false
    throw error
  }
}

interface Owner {
  readonly pid: number
  /** When it began, as the system counts; process ids come again. Null where it cannot be read. */
  readonly start: string | null
}

function parseOwner(text: string): Owner | undefined {
  try {
    const owner: Owner = JSON.parse(text)
    return owner.pid > 0 ? owner : undefined
  } catch {
    return undefined
  }
}

async function identity(pid: number): Promise<Owner> {
  const { fs } = nodeModules('train')
  const stat = await fs.readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '') // Linux; the command in brackets may hold blanks
  return { pid, start: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null }
}

async function isAlive(owner: Owner): Promise<boolean> {
  try {
    process.kill(owner.pid, 0) // signal 0 only asks
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'EPERM') return false
  }
  return owner.start === null || (await identity(owner.pid)).start === owner.start
}
