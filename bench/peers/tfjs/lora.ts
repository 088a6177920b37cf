import { type Batch, initLora, isLoraParam, llamaConfig, loss } from 'llama-model'
import { train } from 'trainer'
import type { Prepared } from '../../serve-peer.ts'
import { batchesOf, paramsOf } from './llama.ts'
import { type StepInput, stepping } from './step.ts'

export interface LoraInput extends StepInput {
  readonly rank: number
}

/** A step in which low-rank updates of attention, norms and embeddings learn alone, and every layer is computed again for its gradient. */
export function prepareLora(input: LoraInput): Prepared {
  const { rank, config: huggingFaceConfig } = input
  const lora = { rank, alpha: 2 * rank, targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj'] }
  const config = { ...llamaConfig(huggingFaceConfig), lora }
  const all = Object.entries({ ...paramsOf(llamaConfig(huggingFaceConfig)), ...initLora(config, 1) })
  const learns = (name: string) => isLoraParam(name) || /norm|embed/.test(name)
  const learning = Object.fromEntries(all.filter(([name]) => learns(name)))
  const frozen = Object.fromEntries(all.filter(([name]) => !learns(name)))
  const steps = train<Batch>({
    params: learning,
    loss: (params, batch) => loss({ ...frozen, ...params }, config, batch, { activationCheckpointing: { every: 1 } }),
    batches: batchesOf(input, config),
    learningRate: () => 1e-3,
    totalSteps: 1e6,
  })
  return stepping(steps, [learning, frozen])
}
