import * as tf from '@tensorflow/tfjs-core'
import type { LlamaConfig } from '../config.ts'
import { checkParams, type Params } from '../params.ts'
import { requireLora } from './init-lora.ts'
import { isLoraParam, loraModules, loraNames, loraScale } from './lora-config.ts'

/**
 * The model without LoRA that computes the same: `W ← W + s·B·A` in every targeted module. Nothing is disposed; weights that do not
 * change share their memory with those of `params`.
 *
 * @returns `params`, which the caller disposes, and `config` without `lora`
 * @throws TypeError, RangeError when params and config do not fit, or `config.lora` is missing
 */
export function mergeLora(params: Params, config: LlamaConfig): { params: Params; config: LlamaConfig } {
  requireLora('mergeLora', config)
  checkParams('mergeLora', params, config)
  const scale = loraScale(config.lora!)
  const modules = loraModules(config)
  const merged: Params = {}
  for (const [name, weight] of Object.entries(params)) {
    if (isLoraParam(name)) continue
    const module = name.replace(/\.weight$/, '')
    const [a, b] = modules.has(module) ? loraNames(module).map((own) => params[own]!) : []
    merged[name] = a && b ? tf.tidy(() => tf.add(weight, tf.mul(tf.matMul(b, a), scale))) : tf.clone(weight)
  }
  const { lora: _, ...rest } = config
  return { params: merged, config: rest }
}
