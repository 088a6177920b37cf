// The trainings of equal length: the chosen base, other methods, the chosen base again with other seeds.
import type { LlamaConfig } from 'llama-model'
import type { Settings } from './settings.ts'
import { byMethod } from './sweep.ts'

/** Label of the model that instruction tuning ends with. */
export const tunedLabel = 'instruction-tuned'

export interface Arm {
  /** Of its stage, metrics and checkpoints. */
  readonly id: string
  /** Of data order and low-rank updates. */
  readonly seed: number
  readonly label: string
  readonly config: LlamaConfig
}

export function armsOf(unmodified: LlamaConfig, chosen: Pick<Arm, 'label' | 'config'>, { seed, length, compare, repeats }: Settings) {
  const first: Arm = { id: 'long', seed, ...chosen }
  const others: Arm[] = compare.map((method) => ({ id: method, seed, ...byMethod(unmodified, length, method) }))
  const again: Arm[] = Array.from({ length: repeats }, (_, i) => seed + 1 + i).map((own) => ({
    ...first,
    id: `seed-${own}`,
    seed: own,
    label: `${chosen.label}, seed ${own}`,
  }))
  return { first, others, again }
}
