import * as tf from '@tensorflow/tfjs-core'
import { nodeModules } from './file-system.ts'
import { optimizerFile, readManifest, weightsFile } from './manifest.ts'
import { type FileRecord, readSafetensors } from './safetensors.ts'
import type { Checkpoint, OptimizerState } from './types.ts'

/**
 * Reads a checkpoint folder onto the current backend and verifies every byte. The caller owns the tensors until `train({ resume })` takes
 * them; for the weights alone, `tf.dispose(checkpoint.optimizerState)`. Node only.
 * @throws RangeError when a file is missing, cut off or changed; nothing stays allocated then.
 */
export async function loadCheckpoint(folder: string): Promise<Checkpoint> {
  const { path } = nodeModules('loadCheckpoint')
  const { files, format: _, ...rest } = await readManifest(folder)
  const params = await readSafetensors(path.join(folder, weightsFile), recordOf(files, weightsFile))
  try {
    const flat = await readSafetensors(path.join(folder, optimizerFile), recordOf(files, optimizerFile))
    const optimizerState: Record<string, OptimizerState> = {}
    for (const [name, tensor] of Object.entries(flat)) {
      const dot = name.lastIndexOf('.')
      optimizerState[name.slice(0, dot)] = { ...optimizerState[name.slice(0, dot)], [name.slice(dot + 1)]: tensor }
    }
    return { path: folder, params, optimizerState, ...rest }
  } catch (error) {
    tf.dispose(params)
    throw error
  }
}

function recordOf(files: Readonly<Record<string, FileRecord>>, name: string): FileRecord {
  const record = files[name]
  if (!record) throw new RangeError(`loadCheckpoint: trainer.json lists no ${name}.`)
  return record
}
