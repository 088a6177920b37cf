import { nodeModules } from './file-system.ts'
import { readManifest } from './manifest.ts'

export interface StepFolder {
  readonly name: string
  readonly step: number
}

/** `step-00000123`: eight digits, so that names sort by step. */
export const folderName = (step: number): string => `step-${String(step).padStart(8, '0')}`

/** The checkpoint folders in `dir`, newest first, and what interrupted saves left behind. */
export async function stepFolders(dir: string): Promise<{ complete: StepFolder[]; leftovers: string[] }> {
  const { fs } = nodeModules('latestCheckpoint')
  const names = await fs.readdir(dir)
  const complete = names.filter((name) => /^step-\d{8,}$/.test(name)).map((name) => ({ name, step: Number(name.slice(5)) }))
  return { complete: complete.sort((a, b) => b.step - a.step), leftovers: names.filter((name) => /^step-\d{8,}\.(tmp|old)$/.test(name)) }
}

/** Those whose report holds a validation loss, lowest first; of equal ones the older. */
export async function byValidationLoss(dir: string, folders: readonly StepFolder[]): Promise<StepFolder[]> {
  const { path } = nodeModules('bestCheckpoint')
  const judged: { folder: StepFolder; loss: number }[] = []
  for (const folder of folders) {
    const manifest = await readManifest(path.join(dir, folder.name)).catch(() => undefined) // a damaged one is never the best
    const loss = manifest?.report?.validationLoss
    if (loss !== undefined) judged.push({ folder, loss })
  }
  return judged.sort((a, b) => a.loss - b.loss || a.folder.step - b.folder.step).map(({ folder }) => folder)
}
