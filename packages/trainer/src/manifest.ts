import { nodeModules } from './file-system.ts'
import type { FileRecord } from './safetensors.ts'
import type { Checkpoint, Json, StepReport } from './types.ts'

export const weightsFile = 'model.safetensors'
export const optimizerFile = 'optimizer.safetensors'
export const manifestFile = 'trainer.json'

/** Content of `trainer.json`, written last: what cannot be a tensor, and the hashes of the files beside it. */
export interface Manifest extends Omit<Checkpoint, 'path' | 'params' | 'optimizerState'> {
  readonly format: 'trainer 1'
  readonly files: Readonly<Record<string, FileRecord>>
}

const checksum = (manifest: Manifest): string =>
  nodeModules('trainer').crypto.createHash('sha256').update(JSON.stringify(manifest)).digest('hex')

export function manifestText(manifest: Manifest): string {
  const plain = JSON.parse(JSON.stringify(manifest)) as Manifest
  return `${JSON.stringify({ ...plain, checksum: checksum(plain) }, null, 2)}\n`
}

/** The manifest of a checkpoint folder. @throws RangeError when it is missing, cut off, changed or of another format. */
export async function readManifest(folder: string): Promise<Manifest> {
  const { fs, path } = nodeModules('loadCheckpoint')
  const file = path.join(folder, manifestFile)
  let parsed: Manifest & { checksum: string }
  try {
    parsed = JSON.parse(await fs.readFile(file, 'utf8'))
  } catch (error) {
    throw new RangeError(`loadCheckpoint: ${file} cannot be read (${error instanceof Error ? error.message : error}).`, { cause: error })
  }
  const { checksum: found, ...manifest } = parsed
  if (manifest.format !== 'trainer 1')
    throw new RangeError(`loadCheckpoint: ${file} has format '${manifest.format}'; this version reads 'trainer 1'.`)
  if (found !== checksum(manifest)) throw new RangeError(`loadCheckpoint: ${file} was changed after it was written (checksum).`)
  return { ...manifest, report: reportOf(manifest.report, folder) }
}

/** As `train` delivers it: with the folder, and, as JSON has no NaN, with NaN for the `null` of a skipped step. */
function reportOf(report: StepReport | null, folder: string): StepReport | null {
  return report && { ...report, loss: report.loss ?? Number.NaN, gradientNorm: report.gradientNorm ?? Number.NaN, checkpoint: folder }
}

/** Throws where JSON would drop or change something, so that what comes back is what was given. */
export function checkJson(what: string, value: unknown): asserts value is Json {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return
  if (typeof value === 'number' && Number.isFinite(value)) return
  const isPlain = Array.isArray(value) || (typeof value === 'object' && [Object.prototype, null].includes(Object.getPrototypeOf(value)))
  if (!isPlain) {
    const got = typeof value === 'object' ? value.constructor.name : String(value)
    throw new TypeError(
      `${what} is ${got}; only plain JSON survives a checkpoint: finite numbers, strings, booleans, null, arrays, plain objects.`,
    )
  }
  for (const [key, inner] of Object.entries(value as object)) checkJson(`${what}.${key}`, inner)
}
