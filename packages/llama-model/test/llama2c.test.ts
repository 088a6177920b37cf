import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { type LlamaConfig, loadPretrained, type Params } from 'llama-model'
import { describe, expect, it } from 'vitest'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { valuesOf } from './checkpoint-support.ts'
import { interleaveRows } from './gguf-support.ts'
import { makeParams, smallConfig, withFolder } from './support.ts'

/** llama2.c has no head dimension of its own: 4 heads of 5 would be odd. */
const config: LlamaConfig = { ...smallConfig, hiddenSize: 24, headDim: 6, rope: { headDim: 6, base: 10_000 } }
const tied: LlamaConfig = { ...config, tieWordEmbeddings: true }

const ints = (...values: number[]) => Buffer.from(Int32Array.from(values).buffer)
const floats = (values: Float32Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength)

/** Bytes of a layer's part, layer by layer, rows of queries and keys as Meta has them. */
function partBytes(params: Params, part: string): Buffer {
  const names = Object.keys(params).filter((name) => name.endsWith(`.${part}.weight`))
  return Buffer.concat(
    names.map((name) => {
      const values = params[name]!.dataSync<'float32'>()
      return floats(/[qk]_proj/.test(name) ? interleaveRows(values, params[name]!.shape[0]!, config.headDim) : values)
    }),
  )
}
const sizes = (vocabSize: number) => [24, 28, 2, 4, 2, vocabSize, 64]
const mlp = ['mlp.gate_proj', 'mlp.down_proj', 'mlp.up_proj']
const attention = ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj']

/** @see llama2.c, export.py, `legacy_export` */
function oldBytes(params: Params): Buffer {
  const all = (name: string) => floats(params[name]!.dataSync<'float32'>())
  const output = params['lm_head.weight'] ? [all('lm_head.weight')] : []
  return Buffer.concat([
    ints(...sizes(output.length > 0 ? -40 : 40)),
    all('model.embed_tokens.weight'),
    ...['input_layernorm', ...attention, 'post_attention_layernorm', ...mlp].map((part) => partBytes(params, part)),
    all('model.norm.weight'),
    Buffer.alloc(2 * 64 * 3 * 4, 7), // cosines and sines
    ...output,
  ])
}

/** @see llama2.c, export.py, `version1_export` */
function newBytes(params: Params): Buffer {
  const all = (name: string) => floats(params[name]!.dataSync<'float32'>())
  const output = params['lm_head.weight'] ? [all('lm_head.weight')] : []
  const header = Buffer.concat([ints(0x616b3432, 1, ...sizes(40)), Buffer.of(Number(output.length === 0))])
  return Buffer.concat([
    header,
    Buffer.alloc(256 - header.length),
    ...['input_layernorm', 'post_attention_layernorm'].map((part) => partBytes(params, part)),
    all('model.norm.weight'),
    all('model.embed_tokens.weight'),
    ...[...attention, ...mlp].map((part) => partBytes(params, part)),
    ...output,
  ])
}

describe('a model of llama2.c', () => {
  it.each([
    ['old, with an output layer', config, oldBytes],
    ['old, tied', tied, oldBytes],
    ['version 1, with an output layer', config, newBytes],
    ['version 1, tied', tied, newBytes],
  ] as const)('%s', (_, wanted, bytesOf) =>
    withFolder((dir) =>
      expectNoLeaks(async () => {
        const params = makeParams(wanted)
        await writeFile(join(dir, 'stories.bin'), bytesOf(params))
        const loaded = await loadPretrained(join(dir, 'stories.bin'))
        expect(valuesOf(loaded.params)).toEqual(valuesOf(params))
        const { rope: _rope, initializerRange: _range, ...others } = wanted
        expect(loaded.config).toMatchObject({ ...others, rope: { headDim: 6, base: 10_000 } })
        tf.dispose([params, loaded.params])
      }),
    ),
  )

  it.each<[string, (bytes: Buffer) => Buffer, string]>([
    ['cut off', (bytes) => bytes.subarray(0, 1000), 'stories.bin is cut off or damaged: it has 1000 bytes, and should have'],
    ['cut off in its header', (bytes) => bytes.subarray(0, 20), 'stories.bin is cut off or damaged: it ends within the header'],
    ['quantised', (bytes) => Buffer.concat([ints(0x616b3432, 2), bytes]), "stories.bin: it is llama2.c's version 2"],
    ['no model', () => Buffer.from('PK, or whatever it is, as long as a header'), 'stories.bin: it is no model of llama2.c, or damaged'],
    ['no file', (bytes) => bytes, 'other.bin does not exist.'],
  ])('%s is refused', (name, damage, message) =>
    withFolder(async (dir) => {
      const params = makeParams(config)
      await writeFile(join(dir, 'stories.bin'), damage(oldBytes(params)))
      await expect(loadPretrained(join(dir, name === 'no file' ? 'other.bin' : 'stories.bin'))).rejects.toThrow(message)
      tf.dispose(params)
    }),
  )
})
