import * as tf from '@tensorflow/tfjs-core'
import type { LlamaConfig } from '../config.ts'
import type { Params } from '../params.ts'
import { checkSeed, uniform } from '../random.ts'
import { checkLora, loraShapes } from './lora-config.ts'

/**
 * Fresh A and B of the modules that `config.lora` targets, to be spread into params: `loss({ ...params, ...adapter }, config, batch)`.
 * A is uniform in `±1/√in`, as PEFT draws it, B is 0: the model computes what it did. Equal on every backend.
 *
 * @returns tensors named `<module>.lora_A.weight` and `<module>.lora_B.weight`; the caller disposes them
 * @throws RangeError for a seed that is not a whole number ≥ 0, and where `config.lora` is missing or cannot be computed
 */
export function initLora(config: LlamaConfig, seed: number): Params {
  checkSeed('initLora', seed)
  requireLora('initLora', config)
  const adapter: Params = {}
  for (const [name, [rows, columns]] of loraShapes(config) as Map<string, readonly [number, number]>) {
    if (name.endsWith('lora_B.weight')) {
      adapter[name] = tf.zeros([rows, columns])
      continue
    }
    const next = uniform(seed, name)
    const bound = 1 / Math.sqrt(columns)
    const values = Float32Array.from({ length: rows * columns }, () => bound * (2 * next() - 1))
    adapter[name] = tf.tensor2d(values, [rows, columns])
  }
  return adapter
}

/** @throws RangeError where `config.lora` is missing or cannot be computed */
export function requireLora(who: string, config: LlamaConfig): void {
  if (!config.lora)
    throw new RangeError(`${who}: config.lora is missing; spread one in: { ...config, lora: { rank: 8, alpha: 16, targets: ['q_proj'] } }.`)
  checkLora(who, config)
}
