import * as tf from '@tensorflow/tfjs-core'
import type { LlamaConfig } from '../config.ts'
import { addLinear, linear } from '../ops/linear.ts'
import type { Params } from '../params.ts'
import { uniform } from '../random.ts'
import { type LoraConfig, loraNames, loraScale } from './lora-config.ts'

/** Whether params hold a low-rank update of the module. */
export const hasLora = (module: string, { params, config }: Model): boolean =>
  config.lora !== undefined && params[loraNames(module)[0]] !== undefined

interface Model {
  readonly params: Params
  readonly config: LlamaConfig
}

/** `product + s·(dropout(x)·Aᵀ)·Bᵀ` for the module's `product` of x, of any shape [..., out]; `product` itself where it has no A and B. */
export function addLora<T extends tf.Tensor>(product: T, x: tf.Tensor, module: string, { params, config }: Model): T {
  if (!hasLora(module, { params, config })) return product
  const [a, b] = loraNames(module).map((name) => params[name]!) as [tf.Tensor2D, tf.Tensor2D]
  const [rank, input] = a.shape
  const x_NI = tf.reshape(x, [-1, input])
  const inner = linear<tf.Rank.R2>(drop(x_NI, module, config.lora!), a, [x_NI.shape[0]!, rank])
  const scaled = tf.mul(inner, loraScale(config.lora!))
  return tf.reshape(addLinear(tf.reshape(product, [-1, b.shape[0]]), scaled, b), product.shape) as T
}

function drop(x: tf.Tensor, module: string, { dropout = 0, dropoutSeed }: LoraConfig): tf.Tensor {
  if (dropout === 0 || dropoutSeed === undefined) return x
  const seed = Math.floor(uniform(dropoutSeed, module)() * 2 ** 31) // each module drops other channels
  return tf.dropout(x, dropout, undefined, seed)
}
