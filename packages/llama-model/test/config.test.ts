import * as tf from '@tensorflow/tfjs-core'
import { countParams, forward, initParams, type LlamaConfig, llamaConfig, loss } from 'llama-model'
import { describe, expect, it } from 'vitest'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { batchOf, makeParams, smallConfig } from './support.ts'

const huggingFace = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: 100,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 3,
  num_attention_heads: 4,
}

describe('llamaConfig', () => {
  it('knows the sizes of Llama 2', () => {
    // parameters of the released checkpoints (34B: Code Llama's); Touvron et al. 2023 round them
    const sizes = {
      'llama2-7b': 6_738_415_616,
      'llama2-13b': 13_015_864_320,
      'llama2-34b': 33_743_970_304,
      'llama2-70b': 68_976_648_192,
    } as const
    for (const [name, count] of Object.entries(sizes)) expect(countParams(llamaConfig(name as keyof typeof sizes))).toBe(count)
    expect(llamaConfig('llama2-70b')).toMatchObject({ numHeads: 64, numKvHeads: 8, maxPositionEmbeddings: 4096, rope: { base: 10_000 } })
  })

  it('fills what a config.json leaves out as transformers does', () => {
    expect(llamaConfig(huggingFace)).toEqual({
      vocabSize: 100,
      hiddenSize: 32,
      intermediateSize: 48,
      numLayers: 3,
      numHeads: 4,
      numKvHeads: 4,
      headDim: 8,
      maxPositionEmbeddings: 2048,
      rope: { headDim: 8, base: 10_000, rotaryFraction: 1, scaling: { kind: 'none' } },
      rmsNormEps: 1e-6,
      tieWordEmbeddings: false,
      initializerRange: 0.02,
      bosTokenId: 1,
      eosTokenId: 2,
    } satisfies LlamaConfig)
  })

  it('reads Llama 3.1 and its several end tokens, in the spelling of transformers 4 and 5', () => {
    const scaling = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192, rope_type: 'llama3' }
    const shared = { ...huggingFace, num_key_value_heads: 2, head_dim: 16, eos_token_id: [90, 91], bos_token_id: null }
    const four = llamaConfig({ ...shared, rope_theta: 500_000, rope_scaling: scaling, torch_dtype: 'bfloat16' })
    const five = llamaConfig({ ...shared, rope_parameters: { ...scaling, rope_theta: 500_000 }, dtype: 'bfloat16' })
    expect(four).toEqual(five)
    expect(four).toMatchObject({ headDim: 16, numKvHeads: 2, bosTokenId: null, eosTokenId: [90, 91], rope: { headDim: 16, base: 500_000 } })
    expect(four.rope.scaling).toEqual({ kind: 'llama3', factor: 8, originalLength: 8192, lowFreqFactor: 1, highFreqFactor: 4 })
  })

  it.each<[string, Record<string, unknown>, string]>([
    [
      'another model',
      { model_type: 'gemma3' },
      'llamaConfig: model_type is "gemma3", which is not supported; it must be one of llama, mistral',
    ],
    ['a model under the class of another', { model_type: 'mistral' }, "it must contain 'MistralForCausalLM'."],
    [
      'another head',
      { architectures: ['LlamaForSequenceClassification'] },
      'llamaConfig: architectures is ["LlamaForSequenceClassification"]',
    ],
    [
      'biases where there are none',
      { model_type: 'mistral', architectures: ['MistralForCausalLM'], mlp_bias: true },
      'llamaConfig: mlp_bias is true, which is not supported; mistral has no such biases.',
    ],
    [
      'an unknown kind of layer',
      {
        ...{ model_type: 'qwen3', architectures: ['Qwen3ForCausalLM'], use_sliding_window: true, sliding_window: 8 },
        layer_types: ['linear_attention', 'full_attention', 'full_attention'],
      },
      'llamaConfig: layer_types is "linear_attention", which is not supported; full_attention and sliding_attention are known.',
    ],
    ['layers without end', { num_hidden_layers: 1e9 }, 'llamaConfig: num_hidden_layers is 1000000000, which is not supported'],
    [
      'another activation',
      { hidden_act: 'gelu' },
      'llamaConfig: hidden_act is "gelu", which is not supported; only "silu" or "swish" is supported.',
    ],
    ['dropout', { attention_dropout: 0.1 }, 'llamaConfig: attention_dropout is 0.1'],
    [
      'quantised weights',
      { quantization_config: { bits: 4 } },
      'llamaConfig: quantization_config is {"bits":4}, which is not supported; dequantise',
    ],
    ['no width', { hidden_size: undefined }, 'llamaConfig: hidden_size is missing; it must be a number.'],
    ['a width in words', { vocab_size: 'many' }, 'llamaConfig: vocab_size is "many"; it must be a number.'],
    ['half a layer', { num_hidden_layers: 1.5 }, 'llamaConfig: config.numLayers is 1.5; it must be a whole number ≥ 1.'],
    [
      'heads that do not fit',
      { num_key_value_heads: 3 },
      'llamaConfig: config.numHeads is 4 and numKvHeads 3; the first must be a multiple',
    ],
    ['an unknown rope', { rope_scaling: { rope_type: 'spiral' } }, 'rope_type is "spiral"'],
    ['an end token in words', { eos_token_id: ['</s>'] }, 'llamaConfig: eos_token_id is "</s>"; it must be a number.'],
  ])('refuses %s', (_, change, message) => expect(() => llamaConfig({ ...huggingFace, ...change })).toThrow(message))

  it('refuses a preset that does not exist', () => {
    expect(() => llamaConfig('llama9' as 'tiny')).toThrow("llamaConfig: preset 'llama9' does not exist; choose from llama2-7b, llama2-13b,")
    expect(() => llamaConfig('toString' as 'tiny')).toThrow("preset 'toString' does not exist")
    expect(() => llamaConfig(null as never)).toThrow('llamaConfig: got null; pass a parsed config.json or the name of a preset.')
  })
})

describe('initParams', () => {
  it('draws a normal distribution, norms 1, the same numbers for a seed, and others for another tensor or seed', () => {
    const config = { ...llamaConfig('tiny'), initializerRange: 0.5, tieWordEmbeddings: false }
    const [first, again, other] = [initParams(config, 1), initParams(config, 1), initParams(config, 2)]
    for (const [name, param] of Object.entries(first)) {
      const values = param.dataSync()
      expect(again[name]!.dataSync()).toEqual(values)
      if (param.rank === 1) {
        expect(values.every((v) => v === 1)).toBe(true)
        continue
      }
      expect(other[name]!.dataSync()).not.toEqual(values)
      const moment = (power: number) => Array.from(values).reduce((sum, v) => sum + (v / 0.5) ** power, 0) / values.length
      // moments of a standard normal distribution; five standard deviations of their estimate
      for (const [power, expected, variance] of [
        [1, 0, 1],
        [2, 1, 2],
        [3, 0, 15],
        [4, 3, 96],
      ] as const) {
        expect(Math.abs(moment(power) - expected), `${name}, moment ${power}`).toBeLessThan(5 * Math.sqrt(variance / values.length))
      }
    }
    const sorted = Object.values(first)
      .filter(({ rank }) => rank === 2)
      .map((param) => param.dataSync()[0])
    expect(new Set(sorted).size).toBe(sorted.length)
    tf.dispose([first, again, other])
  })

  it('keeps the numbers of a layer when layers are added', () => {
    const small = initParams(smallConfig, 3)
    const deep = initParams({ ...smallConfig, numLayers: 4 }, 3)
    for (const [name, param] of Object.entries(small)) expect(deep[name]!.dataSync()).toEqual(param.dataSync())
    expect(Object.keys(deep).length).toBe(Object.keys(small).length + 2 * 9)
    tf.dispose([small, deep])
  })

  it.each([-1, 0.5, Number.NaN])('refuses seed %s', (seed) =>
    expect(() => initParams(smallConfig, seed)).toThrow(`initParams: seed is ${seed}; it must be a whole number ≥ 0.`),
  )
})

describe('params, config and batch that do not fit are refused before any work', () => {
  const refuses = (
    change: (parts: { params: tf.NamedTensorMap; config: LlamaConfig; batch: Parameters<typeof loss>[2] }) => object,
    message: string,
  ) =>
    expectNoLeaks(() => {
      const parts = { params: makeParams(smallConfig), config: smallConfig, batch: batchOf({ tokens: [[1, 2, 3]] }) }
      const { params, config, batch } = { ...parts, ...change(parts) }
      const before = tf.memory().numTensors
      expect(() => loss(params, config, batch)).toThrow(message)
      expect(tf.memory().numTensors).toBe(before)
      return [parts.params, { ...parts.batch }, params, { ...batch }]
    })

  it.each<[string, Parameters<typeof refuses>[0], string]>([
    [
      'a weight is missing',
      ({ params: { 'model.norm.weight': _, ...params } }) => ({ params: { ...params } }),
      "loss: params['model.norm.weight'] is missing; config asks for a tensor [20].",
    ],
    [
      'a weight of another shape',
      ({ config }) => ({ config: { ...config, intermediateSize: 30 } }),
      "loss: params['model.layers.0.mlp.gate_proj.weight'] has shape [28,20]; config asks for [30,20].",
    ],
    [
      'rope of another head',
      ({ config }) => ({ config: { ...config, rope: { headDim: 4 } } }),
      'loss: config.rope.headDim is 4 and headDim 8; make them equal.',
    ],
    ['epsilon 0', ({ config }) => ({ config: { ...config, rmsNormEps: 0 } }), 'loss: config.rmsNormEps is 0; it must be positive'],
    [
      'float tokens',
      () => ({ batch: { tokens: tf.tensor2d([[1, 2]]) } }),
      'loss: batch.tokens is a float32 tensor of shape [1,2]; it must be int32 [B, T].',
    ],
    ['no tokens', () => ({ batch: {} }), 'loss: batch.tokens is undefined; it must be int32 [B, T].'],
    ['a vector', () => ({ batch: { tokens: tf.tensor1d([1], 'int32') } }), 'loss: batch.tokens is a int32 tensor of shape [1]'],
    [
      'nothing',
      () => ({ batch: { tokens: tf.zeros([1, 0], 'int32') } }),
      'loss: batch.tokens has shape [1,0] and tokens [1,0]; they must be equal, not empty.',
    ],
    [
      'ids of another shape',
      ({ batch }) => ({ batch: { ...batch, segmentIds: tf.zeros([1, 2], 'int32') } }),
      'loss: batch.segmentIds has shape [1,2] and tokens [1,3]',
    ],
    [
      'weights of another type',
      ({ batch }) => ({ batch: { ...batch, lossWeights: tf.zeros([1, 3], 'int32') } }),
      'loss: batch.lossWeights is a int32 tensor',
    ],
  ])('%s', (_, change, message) => refuses(change, message))

  it('a token beyond the vocabulary', () => {
    const params = makeParams(smallConfig)
    const batch = batchOf({ tokens: [[1, 40]] })
    expect(() => tf.tidy(() => forward(params, smallConfig, batch))).toThrow('40')
    tf.dispose([params, { ...batch }])
  })
})
