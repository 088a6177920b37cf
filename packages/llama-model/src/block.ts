import * as tf from '@tensorflow/tfjs-core'
import { applyRope, type RopeTable } from 'rope-abf/tfjs'
import type { LlamaConfig } from './config.ts'
import { addLinear, linear } from './ops/linear.ts'
import { addMlp } from './ops/mlp.ts'
import { rmsNorm } from './ops/rms-norm.ts'
import type { Params } from './params.ts'

/** Attention of one layer: rotated query [B, T, H, D] and key, value [B, T, K, D] of the tokens at hand → [B, T, H, D]. */
export type Attend = (query: tf.Tensor4D, key: tf.Tensor4D, value: tf.Tensor4D, layer: number) => tf.Tensor4D

/** What the layers of one pass share. */
export interface Pass {
  readonly params: Params
  readonly config: LlamaConfig
  readonly batchSize: number
  readonly length: number
  readonly table: RopeTable
  readonly attend: Attend
}

/** From here on (in multiples of C) attention is so much of the work that computing the MLP's products twice costs less than 4 %. */
const longRow = 24

/**
 * One layer of the network on the residual stream x [N, C], `N = B·T` tokens: `x + attention(norm(x))`, then `x + mlp(norm(x))`.
 * Everything stays in the layout [B, T, heads, D]: no transposes.
 * @see Touvron et al. 2023 (Llama), §2.2
 */
export function block(x_NC: tf.Tensor, layer: number, pass: Pass): tf.Tensor {
  const { params, config, batchSize: B, length: T, table, attend } = pass
  const { numHeads: H, numKvHeads: K, headDim: D, rmsNormEps } = config
  const weight = (name: string): tf.Tensor => params[`model.layers.${layer}.${name}.weight`]!
  return tf.tidy(() => {
    const h = rmsNorm(x_NC, weight('input_layernorm'), rmsNormEps)
    const query = linear<tf.Rank.R4>(h, weight('self_attn.q_proj'), [B, T, H, D])
    const key = linear<tf.Rank.R4>(h, weight('self_attn.k_proj'), [B, T, K, D])
    const value = linear<tf.Rank.R4>(h, weight('self_attn.v_proj'), [B, T, K, D])
    const attended = attend(applyRope(query, table, { role: 'query' }), applyRope(key, table, { role: 'key' }), value, layer)
    const x = addLinear(x_NC, attended, weight('self_attn.o_proj'))
    const [norm, gate, up, down] = ['post_attention_layernorm', 'mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj'].map(weight)
    return addMlp(x, { norm: norm!, gate: gate!, up: up!, down: down! }, rmsNormEps, T <= longRow * config.hiddenSize)
  })
}
