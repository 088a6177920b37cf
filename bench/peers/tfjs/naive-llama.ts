import * as tf from '@tensorflow/tfjs'
import type { Batch, LlamaConfig, Params } from 'llama-model'
import { ropeFrequencies } from 'rope-abf'

/**
 * The loss of llama-model as a tfjs user writes it who knows no other package: all scores of the attention, all logits, plain ops.
 * Same parameters, same value; `tokens` only, every row one segment.
 */
export function naiveLoss(params: Params, config: LlamaConfig, { tokens }: Batch): tf.Scalar {
  const [B, T] = tokens.shape
  const { numLayers, numHeads: H, numKvHeads: K, headDim: D, vocabSize: V, rmsNormEps } = config
  const linear = (x_NC: tf.Tensor, name: string): tf.Tensor => tf.matMul(x_NC as tf.Tensor2D, params[name] as tf.Tensor2D, false, true)
  const norm = (x: tf.Tensor, name: string) =>
    tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), rmsNormEps))), params[name] as tf.Tensor)
  const split = (x: tf.Tensor, heads: number): tf.Tensor4D => tf.transpose(tf.reshape(x, [B, T, heads, D]), [0, 2, 1, 3])

  const { inverseFrequencies } = ropeFrequencies(config.rope)
  const angles = tf.outerProduct(tf.range(0, T), tf.tensor1d(Float32Array.from(inverseFrequencies)))
  const [cos, sin] = [tf.cos(angles), tf.sin(angles)]
  const rotate = (x_BHTD: tf.Tensor4D): tf.Tensor4D => {
    const [a, b] = tf.split(x_BHTD, 2, 3) as [tf.Tensor, tf.Tensor]
    return tf.concat([tf.sub(tf.mul(a, cos), tf.mul(b, sin)), tf.add(tf.mul(b, cos), tf.mul(a, sin))], 3) as tf.Tensor4D
  }
  const repeat = (x: tf.Tensor4D): tf.Tensor4D =>
    H === K ? x : tf.reshape(tf.tile(tf.reshape(x, [B * K, 1, T, D]), [1, H / K, 1, 1]), [B, H, T, D])
  const mask = tf.mul(tf.sub(1, tf.linalg.bandPart(tf.ones([T, T]), -1, 0)), -1e9)

  let x_NC: tf.Tensor = tf.gather(params['model.embed_tokens.weight'] as tf.Tensor, tf.reshape(tokens, [-1]) as tf.Tensor1D)
  for (let layer = 0; layer < numLayers; layer++) {
    const name = (part: string) => `model.layers.${layer}.${part}.weight`
    const h = norm(x_NC, name('input_layernorm'))
    const query = rotate(split(linear(h, name('self_attn.q_proj')), H))
    const key = repeat(rotate(split(linear(h, name('self_attn.k_proj')), K)))
    const value = repeat(split(linear(h, name('self_attn.v_proj')), K))
    const weights = tf.softmax(tf.add(tf.mul(tf.matMul(query, key, false, true), 1 / Math.sqrt(D)), mask)) as tf.Tensor4D
    const attended = tf.reshape(tf.transpose(tf.matMul(weights, value), [0, 2, 1, 3]), [B * T, H * D])
    x_NC = tf.add(x_NC, linear(attended, name('self_attn.o_proj')))
    const m = norm(x_NC, name('post_attention_layernorm'))
    const gate = linear(m, name('mlp.gate_proj'))
    x_NC = tf.add(x_NC, linear(tf.mul(tf.mul(gate, tf.sigmoid(gate)), linear(m, name('mlp.up_proj'))), name('mlp.down_proj')))
  }
  const head = 'lm_head.weight' in params ? 'lm_head.weight' : 'model.embed_tokens.weight'
  const logits_NV = linear(norm(x_NC, 'model.norm.weight'), head)
  const targets = tf.concat([tf.slice(tokens, [0, 1], [B, T - 1]), tf.zeros<tf.Rank.R2>([B, 1], 'int32')], 1)
  const counted = tf.concat([tf.ones<tf.Rank.R2>([B, T - 1]), tf.zeros<tf.Rank.R2>([B, 1])], 1)
  return tf.losses.softmaxCrossEntropy(tf.oneHot(tf.reshape(targets, [-1]) as tf.Tensor1D, V), logits_NV, tf.reshape(counted, [-1]))
}
