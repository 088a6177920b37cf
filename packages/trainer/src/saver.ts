import { folderName } from './checkpoint-folders.ts'
import { type SavedState, saveCheckpoint, saveInBackground } from './checkpoint-save.ts'
import { nodeModules } from './file-system.ts'
import type { CheckpointOptions } from './options.ts'
import type { StepReport } from './types.ts'

type Saved = Pick<StepReport, 'checkpoint' | 'checkpointError'>

export interface Saver {
  readonly save: (state: SavedState) => Promise<Saved>
  /** Waits for what is under way, and tells what became of it. */
  readonly settle: () => Promise<Saved>
}

/** Saves as the options say; at most one save is under way at a time. What a failed one means for the run is decided here. */
export function saverOf({ dir, keepLast = 2, keepBest = 0, background = false, onError = 'throw' }: CheckpointOptions): Saver {
  let pending: Promise<string> | undefined
  const outcome = async (saved: Promise<string> | undefined): Promise<Saved> => {
    try {
      const checkpoint = await saved
      return checkpoint === undefined ? {} : { checkpoint }
    } catch (error) {
      if (onError === 'throw' || !(error instanceof Error) || error instanceof TypeError) throw error
      return { checkpointError: error.message }
    }
  }
  const settle = () => {
    const saved = pending
    pending = undefined
    return outcome(saved)
  }
  const save = async (state: SavedState): Promise<Saved> => {
    if (!background) return outcome(saveCheckpoint(dir, state, { keepLast, keepBest }))
    const { checkpointError } = await settle()
    const { saved } = await saveInBackground(dir, state, { keepLast, keepBest })
    pending = saved
    pending.catch(() => {}) // heard by settle
    const checkpoint = nodeModules('train').path.join(dir, folderName(state.step))
    return { checkpoint, ...(checkpointError === undefined ? {} : { checkpointError }) }
  }
  return { save, settle }
}
