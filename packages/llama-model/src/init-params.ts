import * as tf from '@tensorflow/tfjs-core'
import { checkConfig, type LlamaConfig } from './config.ts'
import { type Params, paramShapes } from './params.ts'
import { checkSeed, fillNormal, uniform } from './random.ts'

/**
 * Fresh parameters: matrices and embeddings `N(0, initializerRange²)`, norms 1, biases 0, as transformers initialises a Llama.
 * Drawn on the host, tensor by tensor, each from its own stream of the seed: equal on every backend, and a layer keeps its numbers when
 * layers are added.
 *
 * @returns float32 tensors on the current backend; the caller disposes them
 * @throws RangeError for a seed that is not a whole number ≥ 0, or a configuration that does not fit itself
 */
export function initParams(config: LlamaConfig, seed: number): Params {
  checkSeed('initParams', seed)
  const params: Params = {}
  for (const [name, shape] of paramShapes(checkConfig('initParams', config))) {
    if (shape.length === 1) {
      params[name] = name.endsWith('.bias') ? tf.zeros([...shape]) : tf.ones([...shape])
      continue
    }
    const values = new Float32Array(tf.util.sizeFromShape([...shape]))
    fillNormal(values, config.initializerRange, uniform(seed, name))
    params[name] = tf.tensor(values, [...shape])
  }
  return params
}
