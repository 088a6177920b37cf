import * as tf from '@tensorflow/tfjs-core'
import { folderName, stepFolders } from './checkpoint-latest.ts'
import { nodeModules, syncFolder, writeError, writeText } from './file-system.ts'
import { checkJson, manifestFile, manifestText, optimizerFile, weightsFile } from './manifest.ts'
import { checkCount, checkParams } from './options.ts'
import { writeSafetensors } from './safetensors.ts'
import type { Checkpoint } from './types.ts'

const who = 'saveCheckpoint'

/**
 * Writes `dir/step-00000123/`: `model.safetensors` (opens wherever safetensors do), `optimizer.safetensors` (`<parameter>.<state>`) and
 * `trainer.json` (everything else, with size and sha256 of both). All or nothing: written to a temporary folder, synced, renamed.
 * Then removes all but the newest `keepLast` checkpoints up to this step. Returns the folder. Disposes nothing. Node only.
 * @throws TypeError when `data` or `metadata` is no plain JSON. Error naming the cause (disk full, read-only, …) when a write fails; what was
 * saved before is then untouched and the temporary folder is gone.
 */
export async function saveCheckpoint(
  dir: string,
  state: Omit<Checkpoint, 'path' | 'versions'>,
  { keepLast = 2 }: { readonly keepLast?: number } = {},
): Promise<string> {
  const { fs, path } = nodeModules(who)
  const { params, optimizerState, step, updates, optimizer, report, data, metadata } = state
  checkParams(who, params)
  checkCount(`${who}: keepLast`, keepLast)
  checkJson(`${who}: data`, data)
  checkJson(`${who}: metadata`, metadata)
  const target = path.join(dir, folderName(step))
  const [temporary, old] = [`${target}.tmp`, `${target}.old`]
  try {
    await fs.rm(temporary, { recursive: true, force: true })
    await fs.mkdir(temporary, { recursive: true })
    const files = {
      [weightsFile]: await writeSafetensors(path.join(temporary, weightsFile), params),
      [optimizerFile]: await writeSafetensors(path.join(temporary, optimizerFile), flatten(optimizerState)),
    }
    const versions = { tfjs: tf.version_core, backend: tf.getBackend(), node: process.version }
    const manifest = { format: 'trainer 1', step, updates, optimizer, report, data, metadata, versions, files } as const
    await writeText(who, path.join(temporary, manifestFile), manifestText(manifest))
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
  await removeOld(dir, step, keepLast)
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
async function removeOld(dir: string, step: number, keepLast: number): Promise<void> {
  const { fs, path } = nodeModules(who)
  const { complete, leftovers } = await stepFolders(dir)
  const earlier = complete.filter((folder) => folder.step <= step).slice(keepLast)
  for (const { name } of earlier) {
    await fs.rename(path.join(dir, name), path.join(dir, `${name}.old`))
    leftovers.push(`${name}.old`)
  }
  for (const name of leftovers) await fs.rm(path.join(dir, name), { recursive: true, force: true })
}

function ignoreMissing(error: unknown): void {
  if ((error as { code?: unknown }).code !== 'ENOENT') throw error
}
