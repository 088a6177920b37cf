import * as tf from '@tensorflow/tfjs-core'
import { applyRope, type RopeTable } from 'rope-abf/tfjs'
import type { LlamaConfig } from './config.ts'
import { addLora, hasLora } from './lora/add-lora.ts'
import { addLinear, linear } from './ops/linear.ts'
import { hasLinears, linears } from './ops/linears.ts'
import { addMlp } from './ops/mlp.ts'
import { rmsNorm } from './ops/rms-norm.ts'
import type { Params } from './params.ts'

/** Attention of one layer: turned query [B, T, H, D] and key, value [B, T, K, D] of the tokens at hand → [B, T, H, D]. */
export type Attend = (query: tf.Tensor4D, key: tf.Tensor4D, value: tf.Tensor4D, layer: number, segmentIds?: tf.Tensor2D) => tf.Tensor4D

/** What the layers of one pass share. */
export interface Pass {
  readonly params: Params
  readonly config: LlamaConfig
  readonly batchSize: number
  readonly length: number
  readonly table: RopeTable
  /** [B, T], handed to `attend`. */
  readonly segmentIds?: tf.Tensor2D | undefined
  readonly attend: Attend
  /** Runs a layer in another way: x [N, C] → [N, C]. */
  readonly runLayer?: ((x: tf.Tensor, layer: number) => tf.Tensor) | undefined
  /** Nobody reads what the layer returns: products that only its value needs are left out. */
  readonly onlyGradient?: boolean
}

/** From here on (in multiples of C) attention is so much of the work that computing the MLP's products twice costs less than 4 %. */
const longRow = 24

/** Whether a layer keeps the MLP's two products for the gradient. */
export const keepsProducts = ({ hiddenSize }: LlamaConfig, rowLength: number): boolean => rowLength <= longRow * hiddenSize

/**
 * One layer of the network on the residual stream x [N, C], `N = B·T` tokens: `x + attention(norm(x))`, then `x + mlp(norm(x))`.
 * Everything stays in the layout [B, T, heads, D]: no transposes.
 * @see Touvron et al. 2023 (Llama), §2.2
 */
export function block(x_NC: tf.Tensor, layer: number, pass: Pass): tf.Tensor {
  return tf.tidy(() => addMlpTo(addAttention(x_NC, layer, pass), layer, pass))
}

/** Parameter of a layer by what follows `model.layers.N.`; undefined where the architecture has none. */
const lookUp =
  ({ params }: Pass, layer: number) =>
  (name: string) =>
    params[moduleOf(layer, name)]

const moduleOf = (layer: number, name: string) => `model.layers.${layer}.${name}`

function addAttention(x_NC: tf.Tensor, layer: number, pass: Pass): tf.Tensor {
  const { config, batchSize: B, length: T, table, segmentIds, attend } = pass
  const { numHeads: H, numKvHeads: K, headDim: D, rmsNormEps, noRopeLayers = [] } = config
  const param = lookUp(pass, layer)
  const products = projections(x_NC, layer, pass)
  const project = (name: 'q' | 'k' | 'v', heads: number): tf.Tensor4D => {
    const bias = param(`self_attn.${name}_proj.bias`)
    const x = bias ? tf.add<tf.Tensor4D>(products[name], tf.reshape(bias, [heads, D])) : products[name]
    const norm = param(`self_attn.${name}_norm.weight`)
    return norm ? tf.reshape(rmsNorm(tf.reshape(x, [-1, D]), norm, rmsNormEps), [B, T, heads, D]) : x
  }
  const turn = (x: tf.Tensor4D, role: 'query' | 'key') => (noRopeLayers.includes(layer) ? x : applyRope(x, table, { role }))
  const [query, key, value] = [turn(project('q', H), 'query'), turn(project('k', K), 'key'), project('v', K)]
  const attended = attend(query, key, value, layer, segmentIds)
  const weight = param('self_attn.o_proj.weight')!
  const own = hasLinears(B * T)
    ? linears({ x: tf.reshape(attended, [B * T, H * D]), weights: [weight], residual: x_NC })[0]!
    : addLinear(x_NC, attended, weight)
  const sum = addLora(own, attended, moduleOf(layer, 'self_attn.o_proj'), pass)
  const bias = param('self_attn.o_proj.bias')
  return bias ? tf.add(sum, bias) : sum
}

/** Queries, keys and values before bias, norm and rotation. */
function projections(x_NC: tf.Tensor, layer: number, pass: Pass): Record<'q' | 'k' | 'v', tf.Tensor4D> {
  const { config, batchSize: B, length: T } = pass
  const { numHeads: H, numKvHeads: K, headDim: D, rmsNormEps: epsilon } = config
  const param = lookUp(pass, layer)
  const names = ['q', 'k', 'v'] as const
  const norm = param('input_layernorm.weight')!
  const weights = names.map((name) => param(`self_attn.${name}_proj.weight`)!)
  const shapes = [H, K, K].map((heads): [number, number, number, number] => [B, T, heads, D])
  const modules = names.map((name) => moduleOf(layer, `self_attn.${name}_proj`))
  const isFused = hasLinears(B * T) && !modules.some((module) => hasLora(module, pass))
  const h = isFused ? x_NC : rmsNorm(x_NC, norm, epsilon)
  const products: tf.Tensor4D[] = isFused
    ? linears({ x: x_NC, weights, norm }, { epsilon }).map((product, i) => tf.reshape(product, shapes[i]!))
    : modules.map((module, i) => addLora(linear<tf.Rank.R4>(h, weights[i]!, shapes[i]!), h, module, pass))
  return { q: products[0]!, k: products[1]!, v: products[2]! }
}

function addMlpTo(x_NC: tf.Tensor, layer: number, pass: Pass): tf.Tensor {
  const { config, length, onlyGradient = false } = pass
  const param = lookUp(pass, layer)
  const [norm, gate, up, down] = ['post_attention_layernorm', 'mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj'].map(
    (name) => param(`${name}.weight`)!,
  )
  const isAdapted = ['gate', 'up', 'down'].some((name) => hasLora(moduleOf(layer, `mlp.${name}_proj`), pass))
  if (!config.mlpBias && !isAdapted) {
    const weights = { norm: norm!, gate: gate!, up: up!, down: down! }
    if (hasLinears(x_NC.shape[0]!)) {
      const [gated] = linears({ x: x_NC, weights: [gate!, up!], norm: norm! }, { epsilon: config.rmsNormEps, gated: true })
      return linears({ x: gated!, weights: [down!], residual: x_NC })[0]!
    }
    const products = onlyGradient ? 'onlyGradient' : keepsProducts(config, length) ? 'keep' : 'computeAgain'
    return addMlp(x_NC, weights, config.rmsNormEps, products)
  }
  // no released model has these biases, and a LoRA wants x itself: separate ops
  const m = rmsNorm(x_NC, norm!, config.rmsNormEps)
  const product = (x: tf.Tensor, name: string, weight: tf.Tensor) => {
    const own = addLora(linear(x, weight, [x.shape[0]!, weight.shape[0]!]), x, moduleOf(layer, `mlp.${name}_proj`), pass)
    const bias = param(`mlp.${name}_proj.bias`)
    return bias ? tf.add(own, bias) : own
  }
  const gated = product(m, 'gate', gate!)
  return tf.add(x_NC, product(tf.mul(tf.mul(gated, tf.sigmoid(gated)), product(m, 'up', up!)), 'down', down!))
}
