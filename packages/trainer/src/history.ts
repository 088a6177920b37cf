/** What the reactions to faults and the end of a run depend on besides the current step. Part of a checkpoint, so that a resumed run reacts as an unbroken one. */
export interface History {
  /** Losses and gradient norms of the newest updates, oldest first. */
  readonly losses: readonly number[]
  readonly norms: readonly number[]
  /** Lowest validation loss so far, and how many validations came after it; null before the first. */
  readonly best: { readonly validationLoss: number; readonly since: number } | null
}

export const noHistory: History = { losses: [], norms: [], best: null }

/** With one update more; keeps the newest `window`. */
export function withUpdate({ losses, norms, best }: History, loss: number, norm: number, window: number): History {
  if (window === 0) return { losses, norms, best }
  return { losses: [...losses, loss].slice(-window), norms: [...norms, norm].slice(-window), best }
}

export function withValidation(history: History, validationLoss: number): History {
  const { best } = history
  if (best && !(validationLoss < best.validationLoss)) return { ...history, best: { ...best, since: best.since + 1 } }
  return { ...history, best: { validationLoss, since: 0 } }
}
