import * as tf from '@tensorflow/tfjs'
import { type Batch, initParams, type LlamaConfig, type Params } from 'llama-model'
import { noise } from '../../inputs.ts'

/** Weights from `noise`, as ../python/llama.py has them. */
export function paramsOf(config: LlamaConfig): Params {
  const params = initParams(config, 1)
  for (const [seed, name] of Object.keys(params).sort().entries()) {
    const { shape, size } = params[name]!
    params[name]!.dispose()
    params[name] = shape.length === 1 ? tf.ones(shape) : tf.tensor(noise(size, seed, 0.05), shape)
  }
  return params
}

/** Tokens from `noise`, batch after batch. */
export function* batchesOf({ batchSize, T }: { readonly batchSize: number; readonly T: number }, config: LlamaConfig): Generator<Batch> {
  for (let step = 0; ; step++) {
    const tokens = noise(batchSize * T, 1000 + step).map((x) => Math.floor(((x + 1) / 2) * config.vocabSize))
    yield { tokens: tf.tensor2d(Int32Array.from(tokens), [batchSize, T], 'int32') }
  }
}
