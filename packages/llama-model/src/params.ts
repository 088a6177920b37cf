import type * as tf from '@tensorflow/tfjs-core'
import { checkConfig, type LlamaConfig } from './config.ts'
import { loraShapes } from './lora/lora-config.ts'

/** Float32 weights by their names in Hugging Face checkpoints, for example `model.layers.0.self_attn.q_proj.weight`. Matrices are [out, in]. */
export type Params = Record<string, tf.Tensor>

/** Shape of every parameter, in the order of the network. */
export function paramShapes(config: LlamaConfig): Map<string, readonly number[]> {
  const { vocabSize: V, hiddenSize: C, intermediateSize: F, numLayers, numHeads: H, numKvHeads: K, headDim: D } = config
  const shapes = new Map<string, readonly number[]>([['model.embed_tokens.weight', [V, C]]])
  const block: Record<string, number[]> = {
    input_layernorm: [C],
    'self_attn.q_proj': [H * D, C],
    'self_attn.k_proj': [K * D, C],
    'self_attn.v_proj': [K * D, C],
    'self_attn.o_proj': [C, H * D],
    ...(config.queryKeyNorm && { 'self_attn.q_norm': [D], 'self_attn.k_norm': [D] }),
    post_attention_layernorm: [C],
    'mlp.gate_proj': [F, C],
    'mlp.up_proj': [F, C],
    'mlp.down_proj': [C, F],
  }
  for (let layer = 0; layer < numLayers; layer++) {
    for (const [name, shape] of Object.entries(block)) {
      shapes.set(`model.layers.${layer}.${name}.weight`, shape)
      if (hasBias(name, config)) shapes.set(`model.layers.${layer}.${name}.bias`, [shape[0]!])
    }
  }
  shapes.set('model.norm.weight', [C])
  if (!config.tieWordEmbeddings) shapes.set('lm_head.weight', [V, C])
  return shapes
}

const hasBias = (name: string, { attentionBias, mlpBias }: LlamaConfig): boolean =>
  name.startsWith('mlp.')
    ? mlpBias === true
    : name === 'self_attn.o_proj'
      ? attentionBias === 'all'
      : /attn\.[qkv]_proj/.test(name) && !!attentionBias

/** Number of weights; tied embeddings count once. */
export function countParams(config: LlamaConfig): number {
  const sizes = [...paramShapes(checkConfig('countParams', config)).values()].map((shape) =>
    shape.reduce((product, size) => product * size),
  )
  return sizes.reduce((sum, size) => sum + size)
}

/** @throws TypeError for a missing weight, RangeError for one of another shape than the configuration says; `who` starts the message */
export function checkParams(who: string, params: Params, config: LlamaConfig): void {
  for (const [name, shape] of [...paramShapes(checkConfig(who, config)), ...loraShapes(config)]) {
    const param = params[name]
    if (!param) throw new TypeError(`${who}: params['${name}'] is missing; config asks for a tensor [${shape}].`)
    if (param.shape.length !== shape.length || shape.some((size, axis) => size !== param.shape[axis])) {
      throw new RangeError(`${who}: params['${name}'] has shape [${param.shape}]; config asks for [${shape}].`)
    }
  }
}
