import * as tf from '@tensorflow/tfjs-core'
import { flashAttention } from 'flash-attn-tfjs'
import { ropeTable } from 'rope-abf/tfjs'
import { checkpointedBlock } from './activation-checkpointing.ts'
import { type Batch, checkBatch } from './batch.ts'
import { type Attend, block, type Pass } from './block.ts'
import { type LlamaConfig, windowOf } from './config.ts'
import { embedding } from './ops/embedding.ts'
import { rmsNorm } from './ops/rms-norm.ts'
import { checkParams, type Params } from './params.ts'

/**
 * Logits of the next token at every place, [B, T, V] float32: for inspection and short rows. `loss` and `tokenLosses` never hold them.
 * Differentiable in params. The caller disposes the result.
 * @throws TypeError, RangeError when params, config and batch do not fit, before any work
 */
export function forward(params: Params, config: LlamaConfig, batch: Batch): tf.Tensor3D {
  checkParams('forward', params, config)
  checkBatch('forward', batch)
  const [B, T] = batch.tokens.shape
  return tf.tidy((): tf.Tensor3D => {
    const logits_NV = tf.matMul(hiddenStates(params, config, batch), outputWeight(params), false, true)
    return tf.reshape(logits_NV, [B, T, config.vocabSize])
  })
}

/** What the output layer sees, after the last norm: [N, C], `N = B·T`. Checks nothing. */
export function hiddenStates(
  params: Params,
  config: LlamaConfig,
  { tokens, segmentIds, positions }: Batch,
  isCheckpointed?: (layer: number) => boolean,
): tf.Tensor {
  const [batchSize, length] = tokens.shape
  return tf.tidy(() => {
    const table = ropeTable(config.rope, positions ?? length) // one for all layers
    const attend: Attend = (query, key, value, layer, segmentIds) =>
      flashAttention(query, key, value, { causal: true, segmentIds, window: windowOf(config, layer) })
    return runLayers(tokens, { params, config, batchSize, length, table, segmentIds, attend }, isCheckpointed)
  })
}

/** Embedding, all layers, last norm: tokens int32 [B, T] → [N, C]. */
export function runLayers(tokens: tf.Tensor2D, pass: Pass, isCheckpointed: (layer: number) => boolean = () => false): tf.Tensor {
  const { params, config } = pass
  return tf.tidy(() => {
    let x = embedding(params['model.embed_tokens.weight']!, tf.reshape(tokens, [-1]))
    for (let layer = 0; layer < config.numLayers; layer++) {
      const next = pass.runLayer?.(x, layer) ?? (isCheckpointed(layer) ? checkpointedBlock : block)(x, layer, pass)
      x.dispose() // a gradient keeps its own reference
      x = next
    }
    return rmsNorm(x, params['model.norm.weight']!, config.rmsNormEps)
  })
}

/** The output layer's matrix [V, C]: the embedding where they are tied. */
export const outputWeight = (params: Params): tf.Tensor => params['lm_head.weight'] ?? params['model.embed_tokens.weight']!
