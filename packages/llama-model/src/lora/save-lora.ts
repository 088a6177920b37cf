import type * as tf from '@tensorflow/tfjs-core'
import { encodeFloats } from '../checkpoint/half.ts'
import { replaceFolder } from '../checkpoint/replace-folder.ts'
import { type Entry, makeHeader } from '../checkpoint/safetensors-header.ts'
import type { LlamaConfig } from '../config.ts'
import type { Params } from '../params.ts'
import { requireLora } from './init-lora.ts'
import { loraShapes } from './lora-config.ts'
import { toPeft } from './peft-config.ts'

export interface SaveLoraOptions {
  /** With or without the weights of the model, which are not written. */
  readonly params: Params
  readonly config: LlamaConfig
  /** Where PEFT finds the model: its folder or name on the Hugging Face hub; default none, for readers that are told. */
  readonly baseModel?: string | undefined
}

/** What a name starts with in PEFT's files: its wrappers around a model of transformers. */
export const peftPrefix = 'base_model.model.'

/**
 * Writes a LoRA as PEFT does: `adapter_config.json` and `adapter_model.safetensors`, F32. All or nothing, as `savePretrained`. Disposes
 * nothing. Node only.
 *
 * @throws before anything is written: TypeError, RangeError when params and `config.lora` do not fit, or `dir` holds other files
 */
export async function saveLora(dir: string, { params, config, baseModel }: SaveLoraOptions): Promise<void> {
  requireLora('saveLora', config)
  const entries = [...loraShapes(config)].map(([name, shape]): Entry & { readonly tensor: tf.Tensor } => {
    const tensor = params[name]
    if (!tensor) throw new TypeError(`saveLora: params['${name}'] is missing; config.lora asks for a tensor [${shape}].`)
    if (String(tensor.shape) !== String(shape)) {
      throw new RangeError(`saveLora: params['${name}'] has shape [${tensor.shape}]; config.lora asks for [${shape}].`)
    }
    return { name: peftPrefix + name, type: 'F32', shape, bytes: 4 * tensor.size, tensor }
  })
  async function* weights() {
    yield makeHeader(entries)
    for (const { tensor, type } of entries) yield encodeFloats(await tensor.data<'float32'>(), type)
  }
  const files = {
    'adapter_config.json': `${JSON.stringify(toPeft(config.lora!, baseModel ?? null), null, 2)}\n`,
    'adapter_model.safetensors': weights,
  }
  await replaceFolder('saveLora', dir, files, (name) => name in files || name === 'README.md')
}
