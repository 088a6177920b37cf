import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { type LlamaConfig, loadPretrained, type Params } from 'llama-model'
import { ropeFrequencies } from 'rope-abf'
import { describe, expect, it } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { valuesOf } from './checkpoint-support.ts'
import { type GgufValue, ggufName, interleaveRows, type RawTensor, smallMetadata, writeGguf } from './gguf-support.ts'
import { makeParams, smallConfig, withFolder } from './support.ts'

interface Golden {
  readonly dequantised: Readonly<Record<string, { readonly blocks: string; readonly values: string }>>
}
const golden: Golden = JSON.parse(readFileSync(new URL('golden/gguf.json', import.meta.url), 'utf8'))

const bytesOf = (values: Float32Array) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
const zeros = (name: string, ...shape: number[]): RawTensor => ({
  name,
  shape,
  type: 0,
  data: new Uint8Array(4 * shape.reduce((product, size) => product * size, 1)),
})

/** Tensors of a model as llama.cpp's converter writes them. */
function tensorsOf(params: Params, { headDim }: LlamaConfig, interleaved = true): RawTensor[] {
  return Object.entries(params).map(([name, param]) => {
    const values = param.dataSync() as Float32Array
    const turns = interleaved && /[qk]_proj/.test(name)
    const data = bytesOf(turns ? interleaveRows(values, param.shape[0]!, headDim) : values)
    return { name: ggufName(name), shape: param.shape, type: 0, data }
  })
}

/** Loads a file of these parts; nothing but the parameters that come out stays allocated. */
const loaded = <T>(metadata: Readonly<Record<string, GgufValue>>, tensors: readonly RawTensor[], body: (model: Loaded) => T) =>
  withFolder((dir) =>
    expectNoLeaks(async () => {
      writeGguf(join(dir, 'model.gguf'), metadata, tensors)
      const model = await loadPretrained(join(dir, 'model.gguf'))
      body(model)
      tf.dispose(model.params)
    }),
  )
type Loaded = Awaited<ReturnType<typeof loadPretrained>>

describe('a GGUF file', () => {
  it('is the model it was made of: query and key rows of heads, config', async () => {
    const params = makeParams(smallConfig)
    await loaded(smallMetadata, tensorsOf(params, smallConfig), ({ params: own, config, dtype, tokenizer }) => {
      expect(valuesOf(own)).toEqual(valuesOf(params))
      const { rope, ...others } = smallConfig
      expect(config).toMatchObject({ ...others, initializerRange: 0.02, bosTokenId: null, eosTokenId: null })
      expect(ropeFrequencies(config.rope)).toEqual(ropeFrequencies(rope))
      expect([dtype, tokenizer]).toEqual(['float32', {}])
    })
    tf.dispose(params)
  })

  it.each<[string, Partial<LlamaConfig>, boolean]>([
    ['llama', { attentionBias: 'all', mlpBias: true }, true],
    ['llama', { tieWordEmbeddings: true, attentionBias: 'qkv' }, true],
    ['qwen2', { attentionBias: 'qkv', modelType: 'qwen2' }, false],
    ['qwen3', { queryKeyNorm: true, modelType: 'qwen3' }, false],
    ['smollm3', { modelType: 'smollm3', numLayers: 4, noRopeLayers: [3] }, true],
  ])('of architecture %s with %j', async (architecture, change, interleaved) => {
    const wanted: LlamaConfig = { ...smallConfig, ...change }
    const params = makeParams(wanted)
    const metadata = Object.fromEntries(
      Object.entries({ ...smallMetadata, 'llama.block_count': [4, wanted.numLayers] as const }).map(([key, value]) => [
        key.replace('llama.', `${architecture}.`),
        value,
      ]),
    )
    await loaded({ ...metadata, 'general.architecture': [8, architecture] }, tensorsOf(params, wanted, interleaved), (model) => {
      expect(valuesOf(model.params)).toEqual(valuesOf(params))
      expect(model.config).toMatchObject(change)
    })
    tf.dispose(params)
  })

  it.each(Object.keys(golden.dequantised))('of %s is dequantised to the same bits as by llama.cpp', async (name) => {
    const { blocks, values } = golden.dequantised[name]!
    const number = { Q4_0: 2, Q4_1: 3, Q5_0: 6, Q5_1: 7, Q8_0: 8, Q4_K: 12, Q5_K: 13, Q6_K: 14 }[name]!
    const wide = {
      ...smallMetadata,
      'llama.embedding_length': [4, 256],
      'llama.block_count': [4, 1],
      'llama.attention.head_count': [4, 1],
      'llama.attention.head_count_kv': [4, 1],
    } as const
    const tensors: RawTensor[] = [
      { name: 'token_embd.weight', shape: [2, 256], type: number, data: Buffer.from(blocks, 'base64') },
      ...['attn_q', 'attn_k', 'attn_v'].map((part) => zeros(`blk.0.${part}.weight`, 8, 256)),
      zeros('blk.0.attn_output.weight', 256, 8),
      zeros('blk.0.ffn_gate.weight', 28, 256),
      zeros('blk.0.ffn_up.weight', 28, 256),
      zeros('blk.0.ffn_down.weight', 256, 28),
      ...['blk.0.attn_norm.weight', 'blk.0.ffn_norm.weight', 'output_norm.weight'].map((norm) => zeros(norm, 256)),
    ]
    const bytes = Buffer.from(values, 'base64')
    await loaded(wide, tensors, ({ params }) =>
      expect(params['model.embed_tokens.weight']!.dataSync()).toEqual(new Float32Array(bytes.buffer, bytes.byteOffset, 512)),
    )
  })

  it.each<[string, Readonly<Record<string, GgufValue>>, LlamaConfig['rope']['scaling']]>([
    ['linear', { 'llama.rope.scaling.type': [8, 'linear'], 'llama.rope.scaling.factor': [6, 4] }, { kind: 'linear', factor: 4 }],
    [
      'yarn',
      {
        'llama.rope.scaling.type': [8, 'yarn'],
        'llama.rope.scaling.factor': [6, 4],
        'llama.rope.scaling.original_context_length': [4, 16],
      },
      { kind: 'yarn', factor: 4, originalLength: 16 },
    ],
  ])('with rope scaling %s', async (_, scaling, expected) => {
    const params = makeParams(smallConfig)
    await loaded({ ...smallMetadata, ...scaling }, tensorsOf(params, smallConfig), ({ config }) =>
      expect(ropeFrequencies(config.rope)).toEqual(ropeFrequencies({ headDim: 8, base: 10_000, scaling: expected! })),
    )
    tf.dispose(params)
  })

  it('with the divisors of Llama 3.1, or any others', async () => {
    const scaling = { kind: 'llama3', factor: 8, originalLength: 8192 } as const
    const plain = ropeFrequencies({ headDim: 8, base: 500_000 }).inverseFrequencies
    const scaled = ropeFrequencies({ headDim: 8, base: 500_000, scaling }).inverseFrequencies
    const params = makeParams(smallConfig)
    const metadata = { ...smallMetadata, 'llama.rope.freq_base': [6, 500_000] } as const
    const divisors = Float32Array.from(plain, (frequency, i) => frequency / scaled[i]!)
    expect(new Set(divisors).size).toBeGreaterThan(1)
    for (const factors of [divisors, Float32Array.of(1, 1.5, 2, 7)]) {
      const freqs = { name: 'rope_freqs.weight', shape: [4], type: 0, data: bytesOf(factors) }
      await loaded(metadata, [freqs, ...tensorsOf(params, smallConfig)], ({ config: { rope } }) => {
        expect(rope.scaling?.kind).toBe(factors === divisors ? 'llama3' : 'longrope')
        const { inverseFrequencies, attentionFactor } = ropeFrequencies(rope)
        expectClose(
          inverseFrequencies,
          Float64Array.from(plain, (frequency, i) => frequency / factors[i]!),
          { rtol: 1e-6 },
        )
        expect(attentionFactor).toBe(1)
      })
    }
    tf.dispose(params)
  })
})
