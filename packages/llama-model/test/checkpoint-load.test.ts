import { readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { loadPretrained, savePretrained } from 'llama-model'
import { describe, expect, it } from 'vitest'
import { saved, valuesOf } from './checkpoint-support.ts'
import { smallConfig } from './support.ts'

describe('from a server', () => {
  it('reads what it reads from a folder, also without the length of a file', () =>
    saved(
      async (dir, params) => {
        for (const withLength of [true, false]) {
          await withServer(dir, withLength, async (url) => {
            const loaded = await loadPretrained(`${url}/models/tiny/?v=2`)
            expect(valuesOf(loaded.params)).toEqual(valuesOf(params))
            tf.dispose(loaded.params)
          })
        }
        await truncate(join(dir, 'model-00007-of-00007.safetensors'), 1500)
        await withServer(dir, false, async (url) => {
          await expect(loadPretrained(`${url}/models/tiny`)).rejects.toThrow(
            /model-00007-of-00007\.safetensors is cut off or damaged: '.*' needs \d+ bytes, \d+ are left/,
          )
          await expect(loadPretrained(`${url}/nowhere`)).rejects.toThrow(`loadPretrained: ${url}/nowhere/config.json does not exist.`)
          await expect(loadPretrained(`${url}/broken`)).rejects.toThrow(`loadPretrained: ${url}/broken/config.json answers 500`)
        })
      },
      { maxShardBytes: 6000 },
    ))
})

it('every half is the number it stands for', () =>
  saved(
    async (dir) => {
      const file = join(dir, 'model.safetensors')
      const bytes = await readFile(file)
      const start = 8 + Number(bytes.readBigUInt64LE(0))
      const header = JSON.parse(bytes.subarray(8, start).toString())
      const at = start + header['model.embed_tokens.weight'].data_offsets[0]
      for (let half = 0; half < 2 ** 16; half++) bytes.writeUInt16LE(half, at + 2 * half)
      await writeFile(file, bytes)
      const { params } = await loadPretrained(dir)
      const expected = Array.from({ length: 2 ** 16 }, (_, half) => {
        const [sign, exponent, fraction] = [half < 2 ** 15 ? 1 : -1, (half >> 10) & 31, half & 1023]
        if (exponent === 31) return fraction > 0 ? Number.NaN : sign / 0
        return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25))
      })
      expect(Array.from(params['model.embed_tokens.weight']!.dataSync())).toEqual(expected) // −0 too
      tf.dispose(params)
    },
    { config: { ...smallConfig, vocabSize: 4096, hiddenSize: 16 }, dtype: 'float16' },
  ))

describe('what is wrong with a folder is said, and nothing stays allocated', () => {
  const file = 'model.safetensors'
  const editJson = async (path: string, edit: (json: Record<string, unknown>) => object) =>
    writeFile(path, JSON.stringify(edit(JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>)))
  /** Rewrites the header of a file, the data as it is. */
  const editHeader = async (dir: string, edit: (header: string) => string) => {
    const bytes = await readFile(join(dir, file))
    const length = Number(bytes.readBigUInt64LE(0))
    const json = Buffer.from(edit(bytes.subarray(8, 8 + length).toString()))
    const size = Buffer.alloc(8)
    size.writeBigUInt64LE(BigInt(json.length))
    await writeFile(join(dir, file), Buffer.concat([size, json, bytes.subarray(8 + length)]))
  }
  it.each<[string, (dir: string) => Promise<unknown>, string]>([
    ['no config', (dir) => rm(join(dir, 'config.json')), 'config.json does not exist. Is this the folder of a model?'],
    ['a config that is no JSON', (dir) => writeFile(join(dir, 'config.json'), '{'), 'config.json cannot be read'],
    [
      'another model',
      (dir) => editJson(join(dir, 'config.json'), (json) => ({ ...json, model_type: 'gpt2' })),
      'llamaConfig: model_type is "gpt2"',
    ],
    ['no weights', (dir) => rm(join(dir, file)), 'model.safetensors.index.json does not exist. There is no model.safetensors either;'],
    [
      'cut off within the data',
      (dir) => truncate(join(dir, file), 20_000),
      'model.safetensors is cut off or damaged: it has 20000 bytes, and should have',
    ],
    [
      'cut off within the header',
      (dir) => truncate(join(dir, file), 100),
      'model.safetensors is cut off or damaged: it ends within the header',
    ],
    ['empty', (dir) => truncate(join(dir, file), 0), 'model.safetensors is cut off or damaged: it has not even a header'],
    ['no safetensors', (dir) => writeFile(join(dir, file), 'PK zip or whatever it is'), 'so it is no safetensors file, or damaged'],
    [
      'too long',
      async (dir) => writeFile(join(dir, file), Buffer.concat([await readFile(join(dir, file)), Buffer.alloc(4)])),
      'model.safetensors is cut off or damaged',
    ],
    [
      'another width',
      (dir) => editJson(join(dir, 'config.json'), (json) => ({ ...json, intermediate_size: 30 })),
      "tensor 'model.layers.0.mlp.gate_proj.weight' has shape [28,20]; by the configuration it must be [30,20].",
    ],
    [
      'more layers in the config',
      (dir) => editJson(join(dir, 'config.json'), (json) => ({ ...json, num_hidden_layers: 3 })),
      "9 tensor(s) missing: 'model.layers.2.input_layernorm.weight', 'model.layers.2.self_attn.q_proj.weight', 'model.layers.2.self_attn.k_proj.weight', …. Configuration",
    ],
    [
      'fewer layers in the config',
      (dir) => editJson(join(dir, 'config.json'), (json) => ({ ...json, num_hidden_layers: 1 })),
      "tensor 'model.layers.1.input_layernorm.weight' is unexpected",
    ],
    ['integers', (dir) => editHeader(dir, (header) => header.replace('F32', 'I32')), 'is I32; F32, F16 and BF16 can be read.'],
    [
      'bytes that do not fit the shape',
      (dir) => editHeader(dir, (header) => header.replace('[40,20]', '[40,21]')),
      '(F32 [40,21]) has 3200 bytes instead of 3360. The file is damaged.',
    ],
    [
      'a gap',
      (dir) => editHeader(dir, (header) => header.replace('[3200,3280]', '[3204,3284]')),
      'starts at byte 3204 instead of 3200. The file is damaged.',
    ],
    [
      'an entry that is no tensor',
      (dir) => editHeader(dir, (header) => header.replace('"shape":[40,20]', '"shape":"x"')),
      "entry of 'model.embed_tokens.weight' is no tensor",
    ],
    ['a header that is a list', (dir) => editHeader(dir, () => '3'), 'its header is no JSON object'],
  ])('%s', (_, damage, message) =>
    saved(async (dir) => {
      await damage(dir)
      await expect(loadPretrained(dir)).rejects.toThrow(message)
    }),
  )

  it('a shard that is missing, or is not what the index says', () =>
    saved(
      async (dir) => {
        const index = join(dir, 'model.safetensors.index.json')
        const shard = join(dir, 'model-00004-of-00007.safetensors')
        const whole = await readFile(shard)
        await rm(shard)
        await expect(loadPretrained(dir)).rejects.toThrow(
          `${basename(shard)} does not exist, though model.safetensors.index.json names it.`,
        )
        await writeFile(shard, await readFile(join(dir, 'model-00003-of-00007.safetensors')))
        await expect(loadPretrained(dir)).rejects.toThrow('was in an earlier file already.')
        await writeFile(shard, whole)
        await editJson(index, (json) => ({ ...json, weight_map: { ...(json.weight_map as object), 'model.extra': basename(shard) } }))
        await expect(loadPretrained(dir)).rejects.toThrow("1 tensor(s) unexpected: 'model.extra'.")
        await editJson(index, () => ({}))
        await expect(loadPretrained(dir)).rejects.toThrow('has no weight_map')
      },
      { maxShardBytes: 6000 },
    ))

  it('but frequencies of old checkpoints and a tied output layer are passed over', () =>
    saved(async (dir, params) => {
      await editHeader(dir, (header) =>
        header.replace('model.layers.0.self_attn.k_proj.weight', 'model.layers.0.self_attn.rotary_emb.inv_freq'),
      )
      await expect(loadPretrained(dir)).rejects.toThrow("1 tensor(s) missing: 'model.layers.0.self_attn.k_proj.weight'.")
      await savePretrained(dir, { params, config: smallConfig })
      await editJson(join(dir, 'config.json'), (json) => ({ ...json, tie_word_embeddings: true }))
      const loaded = await loadPretrained(dir)
      expect('lm_head.weight' in loaded.params).toBe(false)
      tf.dispose(loaded.params)
    }))
})

async function withServer(dir: string, withLength: boolean, body: (url: string) => Promise<void>): Promise<void> {
  const server: Server = createServer(async ({ url = '' }, response) => {
    const { pathname } = new URL(url, 'http://localhost')
    if (pathname.startsWith('/broken')) return response.writeHead(500).end()
    const bytes = pathname.startsWith('/models/tiny/') ? await readFile(join(dir, basename(pathname))).catch(() => undefined) : undefined
    if (!bytes) return response.writeHead(404).end()
    response.writeHead(200, withLength ? { 'content-length': bytes.length } : {})
    for (let i = 0; i < bytes.length; i += 777) response.write(bytes.subarray(i, i + 777))
    return response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await body(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}
