import * as tf from '@tensorflow/tfjs-core'
import type { LlamaConfig, LoraConfig, Params } from 'llama-model'
import { initLora } from 'llama-model'
import { smallConfig } from '../support.ts'

/** Adapters that PEFT judges: lists, suffixes and patterns, both scales, with and without biases in the model. */
export const loraCases: Readonly<Record<string, { readonly model: LlamaConfig; readonly lora: LoraConfig }>> = {
  attention: { model: smallConfig, lora: { rank: 3, alpha: 6, targets: ['q_proj', 'v_proj'] } },
  all: { model: smallConfig, lora: { rank: 2, alpha: 5, targets: 'all-linear' } },
  pattern: {
    model: { ...smallConfig, attentionBias: 'all', mlpBias: true },
    lora: { rank: 4, alpha: 8, targets: '.*\\.1\\.(mlp\\.(gate|down)|self_attn\\.o)_proj', rankStabilized: true, dropout: 0.25 },
  },
}

/** `initLora` with a B that is not 0, which would hide A. */
export function makeLora(config: LlamaConfig, seed = 11): Params {
  const adapter = initLora(config, seed)
  for (const [name, param] of Object.entries(adapter)) {
    if (!name.endsWith('lora_B.weight')) continue
    adapter[name] = tf.tensor(
      Float32Array.from({ length: param.size }, (_, i) => (((i * 13) % 7) - 3) / 10),
      param.shape,
    )
    param.dispose()
  }
  return adapter
}
