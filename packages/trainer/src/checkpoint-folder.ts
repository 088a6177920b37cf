import { latestCheckpoint } from './checkpoint-latest.ts'
import { nodeModules, writeError, writeText } from './file-system.ts'

/**
 * Creates the folder of a run, proves that it can be written to, and refuses one that already holds a whole checkpoint beyond `step`:
 * two histories in one folder would let a later resume continue the wrong one.
 */
export async function prepareFolder(dir: string, step: number): Promise<void> {
  const { fs, path } = nodeModules('train')
  const probe = path.join(dir, 'step-00000000.tmp')
  try {
    await fs.mkdir(probe, { recursive: true })
    await writeText('train', path.join(probe, 'probe'), 'may be deleted\n')
    await fs.rm(probe, { recursive: true })
  } catch (error) {
    throw writeError('train', `checkpoint.dir ${dir}`, 'No step was made.', error)
  }
  const { path: newest, step: found } = await latestCheckpoint(dir)
  if (newest !== undefined && found > step)
    throw new RangeError(
      `train: checkpoint.dir holds ${newest}, the run starts at step ${step}. ` +
        'To go on from there pass resume: await loadCheckpoint(path); to start over choose an empty folder.',
    )
}
