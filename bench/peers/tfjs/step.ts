import * as tf from '@tensorflow/tfjs'
import { type Batch, initParams, llamaConfig, loss } from 'llama-model'
import { train } from 'trainer'
import { noise } from '../../inputs.ts'
import type { Prepared } from '../../serve-peer.ts'
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
  const params = initParams(config, 1)
  for (const [seed, name] of Object.keys(params).sort().entries()) {
    const { shape, size } = params[name]!
    params[name]!.dispose()
    params[name] = shape.length === 1 ? tf.ones(shape) : tf.tensor(noise(size, seed, 0.05), shape)
  }
  const batches = function* (): Generator<Batch> {
    for (let step = 0; ; step++) {
      const tokens = noise(batchSize * T, 1000 + step).map((x) => Math.floor(((x + 1) / 2) * config.vocabSize))
      yield { tokens: tf.tensor2d(Int32Array.from(tokens), [batchSize, T], 'int32') }
    }
  }
  const compute = form === 'naive' ? naiveLoss : loss
  const steps = train<Batch>({
    params,
    loss: (params, batch) => compute(params, config, batch),
    batches: batches(),
    learningRate: () => 1e-3,
    totalSteps: 1e6,
  })
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
