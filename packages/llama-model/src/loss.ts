import * as tf from '@tensorflow/tfjs-core'
import { type ActivationCheckpointing, checkpointedLayers } from './activation-checkpointing.ts'
import { type Batch, checkBatch, moveRight, nextTokens } from './batch.ts'
import type { LlamaConfig } from './config.ts'
import { hiddenStates, outputWeight } from './forward.ts'
import { meanNll, tokenNll } from './ops/token-nll.ts'
import { checkParams, type Params } from './params.ts'

export interface LossOptions {
  /** Less memory for more time when gradients are taken, which stay the same; default none. `memoryPlan` chooses by memory. */
  readonly activationCheckpointing?: ActivationCheckpointing | undefined
}

/**
 * Mean negative log-likelihood of the tokens of a batch in nats, `Σ w·nll / Σ w`; 0 where all weights are 0. A token's `nll` is that of
 * predicting it from the tokens before it in its segment, its `w` is `batch.lossWeights`. Logits exist for a few tokens at a time, so
 * memory is linear in T and in V. Differentiable in params; fits `train` of trainer. The caller disposes the scalar.
 * @throws TypeError, RangeError when params, config and batch do not fit, before any work
 */
export function loss(params: Params, config: LlamaConfig, batch: Batch, { activationCheckpointing }: LossOptions = {}): tf.Scalar {
  checkParams('loss', params, config)
  checkBatch('loss', batch)
  const isCheckpointed = checkpointedLayers('loss', activationCheckpointing)
  return tf.tidy((): tf.Scalar => {
    const { targets, weights } = nextTokens(batch)
    const hidden = hiddenStates(params, config, batch, isCheckpointed)
    return meanNll(hidden, outputWeight(params), tf.reshape(targets, [-1]), tf.reshape(weights, [-1]))
  })
}

/**
 * Negative log-likelihood in nats of every token given those before it in its segment, float32 [B, T]; 0 for the first token of a row or
 * segment, and for padding. `lossWeights` are not looked at. The caller disposes the result.
 * @throws TypeError, RangeError when params, config and batch do not fit, before any work
 */
export function tokenLosses(params: Params, config: LlamaConfig, { lossWeights: _, ...batch }: Batch): tf.Tensor2D {
  checkParams('tokenLosses', params, config)
  checkBatch('tokenLosses', batch)
  return tf.tidy(() => {
    const { targets, weights } = nextTokens(batch)
    const hidden = hiddenStates(params, config, batch)
    const nll: tf.Tensor2D = tf.reshape(tokenNll(hidden, outputWeight(params), tf.reshape(targets, [-1])), batch.tokens.shape)
    return moveRight(tf.mul(nll, weights))
  })
}
