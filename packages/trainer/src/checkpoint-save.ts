import * as tf from '@tensorflow/tfjs-core'
import { checkCount, checkParams } from './check-options.ts'
import { byValidationLoss, folderName, stepFolders } from './checkpoint-folders.ts'
import { copiedToHost, writeInWorker } from './checkpoint-worker.ts'
import { nodeModules, syncFolder, writeError, writeText } from './file-system.ts'
import { type History, noHistory } from './history.ts'
import { checkJson, manifestFile, manifestText, optimizerFile, weightsFile } from './manifest.ts'
import { type FileRecord, writeSafetensors } from './safetensors.ts'
import type { Checkpoint } from './types.ts'

const who = 'saveCheckpoint'

/** What a checkpoint is made of. */
export interface SavedState extends Omit<Checkpoint, 'path' | 'versions' | 'history'> {
  /** Default: that of a run which has just begun. */
  readonly history?: History
}

export interface KeepOptions {
  /** How many of the newest stay; default 2. */
  readonly keepLast?: number
  /** How many of those with the lowest `report.validationLoss` stay besides; default 0. */
  readonly keepBest?: number
}

/**
 * Writes `dir/step-00000123/`: `model.safetensors` (opens wherever safetensors do), `optimizer.safetensors` (`<parameter>.<state>`) and
 * `trainer.json` (everything else, with size and sha256 of both). All or nothing: written to a temporary folder, synced, renamed.
 * Then removes all checkpoints up to this step that need not stay. Returns the folder. Disposes nothing. Node only.
 * @throws TypeError when `data` or `metadata` is no plain JSON. Error naming the cause (disk full, read-only, …) when a write fails; what was
 * saved before is then untouched and the temporary folder is gone.
 */
export async function saveCheckpoint(dir: string, state: SavedState, keep: KeepOptions = {}): Promise<string> {
  const { path } = nodeModules(who)
  checkState(state, keep)
  return writeFolder(dir, state, keep, async (folder) => ({
    [weightsFile]: await writeSafetensors(path.join(folder, weightsFile), state.params),
    [optimizerFile]: await writeSafetensors(path.join(folder, optimizerFile), flatten(state.optimizerState)),
  }))
}

/**
 * `saveCheckpoint` in a worker thread: resolves once all tensors are copied to the host, to a promise of the folder. The tensors may be
 * replaced and disposed in between.
 */
export async function saveInBackground(dir: string, state: SavedState, keep: KeepOptions): Promise<{ readonly saved: Promise<string> }> {
  checkState(state, keep)
  const copies = { [weightsFile]: await copiedToHost(state.params), [optimizerFile]: await copiedToHost(flatten(state.optimizerState)) }
  return { saved: writeFolder(dir, state, keep, (folder) => writeInWorker(folder, copies)) }
}

function checkState({ params, data, metadata }: SavedState, { keepLast = 2, keepBest = 0 }: KeepOptions): void {
  checkParams(who, params)
  checkCount(`${who}: keepLast`, keepLast)
  checkCount(`${who}: keepBest`, keepBest, 0)
  checkJson(`${who}: data`, data)
  checkJson(`${who}: metadata`, metadata)
}

async function writeFolder(
  dir: string,
  { params: _, optimizerState: __, history = noHistory, ...rest }: SavedState,
  { keepLast = 2, keepBest = 0 }: KeepOptions,
  writeTensors: (folder: string) => Promise<Record<string, FileRecord>>,
): Promise<string> {
  const { fs, path } = nodeModules(who)
  const target = path.join(dir, folderName(rest.step))
  const [temporary, old] = [`${target}.tmp`, `${target}.old`]
  const versions = { tfjs: tf.version_core, backend: tf.getBackend(), node: process.version }
  try {
    await fs.rm(temporary, { recursive: true, force: true })
    await fs.mkdir(temporary, { recursive: true })
    const files = await writeTensors(temporary)
    await writeText(who, path.join(temporary, manifestFile), manifestText({ format: 'trainer 1', ...rest, history, versions, files }))
    await syncFolder(who, temporary)
    await fs.rm(old, { recursive: true, force: true })
    await fs.rename(target, old).catch(ignoreMissing) // a damaged or repeated checkpoint of this step makes room
    await fs.rename(temporary, target)
    await syncFolder(who, dir)
  } catch (error) {
    await fs.rm(temporary, { recursive: true, force: true }).catch(() => {}) // the first error is the one to hear about
    if (error instanceof TypeError) throw error
    throw writeError(who, target, 'Checkpoints saved before are untouched.', error)
  }
  await removeOld(dir, rest.step, keepLast, keepBest)
  return target
}

function flatten(optimizerState: Checkpoint['optimizerState']): Record<string, tf.Tensor> {
  const flat: Record<string, tf.Tensor> = {}
  for (const [name, state] of Object.entries(optimizerState))
    for (const [key, tensor] of Object.entries(state)) {
      if (key.includes('.')) throw new TypeError(`${who}: optimizer state '${key}' of '${name}' has a dot in its name; rename it.`)
      flat[`${name}.${key}`] = tensor
    }
  return flat
}

/** Renames before removing, so that a kill in between leaves no half-removed folder under a checkpoint's name. */
async function removeOld(dir: string, step: number, keepLast: number, keepBest: number): Promise<void> {
  const { fs, path } = nodeModules(who)
  const { complete, leftovers } = await stepFolders(dir)
  const earlier = complete.filter((folder) => folder.step <= step)
  const best = keepBest > 0 ? (await byValidationLoss(dir, earlier)).slice(0, keepBest) : []
  for (const { name } of earlier.slice(keepLast).filter((folder) => !best.some(({ name }) => name === folder.name))) {
    await fs.rename(path.join(dir, name), path.join(dir, `${name}.old`))
    leftovers.push(`${name}.old`)
  }
  for (const name of leftovers) await fs.rm(path.join(dir, name), { recursive: true, force: true })
}

function ignoreMissing(error: unknown): void {
  if ((error as { code?: unknown }).code !== 'ENOENT') throw error
}
