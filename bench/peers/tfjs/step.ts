import * as tf from '@tensorflow/tfjs'
import { type Batch, llamaConfig, loss } from 'llama-model'
import { train } from 'trainer'
import type { Prepared } from '../../serve-peer.ts'
import { batchesOf, paramsOf } from './llama.ts'
import { naiveLoss } from './naive-llama.ts'

export interface StepInput {
  readonly batchSize: number
  readonly T: number
  /** As in a Hugging Face config.json. */
  readonly config: Readonly<Record<string, unknown>>
}

/** Loss, gradients, clipping to norm 1 and AdamW (trainer) for a Llama of llama-model, or the same Llama as users write it. */
export function prepareStep(form: 'llama-model' | 'naive', { batchSize, T, config: huggingFaceConfig }: StepInput): Prepared {
  const config = llamaConfig(huggingFaceConfig)
  const params = paramsOf(config)
  const compute = form === 'naive' ? naiveLoss : loss
  const steps = train<Batch>({
    params,
    loss: (params, batch) => compute(params, config, batch),
    batches: batchesOf({ batchSize, T }, config),
    learningRate: () => 1e-3,
    totalSteps: 1e6,
  })
  return stepping(steps, params)
}

/** One step of trainer a run; `params` are disposed with it. */
export function stepping(steps: ReturnType<typeof train<Batch>>, params: tf.TensorContainer): Prepared {
  const losses: number[] = []
  return {
    async run() {
      const began = performance.now()
      const { value } = await steps.next()
      const milliseconds = performance.now() - began
      losses.push(value!.loss)
      return { '': milliseconds }
    },
    check: () => losses.slice(0, 1),
    dispose: () => {
      void steps.return(undefined)
      tf.dispose(params)
    },
  }
}
