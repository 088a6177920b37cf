// Models that come from a browser: files that a user chose, a folder of its private file system, and the cache of a server in it.
import * as tf from '@tensorflow/tfjs-core'
import { initParams, type LlamaConfig, llamaConfig, loadPretrained, type Params } from 'llama-model'
import { describe, expect, it } from 'vitest'
import { expectNoLeaks } from '../../../../test/support/leaks.ts'

const sizes = { vocab_size: 37, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2, num_attention_heads: 2 }
const fields = { architectures: ['LlamaForCausalLM'], ...sizes, tie_word_embeddings: true }
const config: LlamaConfig = llamaConfig(fields)

/** `config.json` and `model.safetensors` of the parameters. */
async function filesOf(params: Params): Promise<File[]> {
  const header: Record<string, object> = {}
  const parts: Float32Array<ArrayBuffer>[] = []
  let end = 0
  for (const [name, tensor] of Object.entries(params)) {
    const begin = end
    end += 4 * tensor.size
    header[name] = { dtype: 'F32', shape: tensor.shape, data_offsets: [begin, end] }
    parts.push(Float32Array.from(await tensor.data<'float32'>()))
  }
  const json = new TextEncoder().encode(JSON.stringify(header))
  const length = new DataView(new ArrayBuffer(8))
  length.setBigUint64(0, BigInt(json.length), true)
  return [new File([JSON.stringify(fields)], 'config.json'), new File([length.buffer, json, ...parts], 'model.safetensors')]
}

async function expectModel(load: () => ReturnType<typeof loadPretrained>, params: Params): Promise<void> {
  const loaded = await load()
  expect(Object.keys(loaded.params).sort()).toEqual(Object.keys(params).sort())
  for (const [name, tensor] of Object.entries(params)) {
    expect(loaded.params[name]!.shape).toEqual(tensor.shape)
    expect(await loaded.params[name]!.data(), name).toEqual(await tensor.data())
  }
  expect(loaded.config.hiddenSize).toBe(16)
  tf.dispose(loaded.params)
}

it('files that a user chose', () =>
  expectNoLeaks(async () => {
    const params = initParams(config, 5)
    const files = await filesOf(params)
    await expectModel(() => loadPretrained(files), params)
    await expect(loadPretrained(files.slice(0, 1))).rejects.toThrow(/model\.safetensors/)
    const cut = new File([await files[1]!.slice(0, 3000).arrayBuffer()], 'model.safetensors')
    await expect(loadPretrained([files[0]!, cut])).rejects.toThrow(/cut off or damaged/)
    return params
  }))

describe.skipIf(typeof navigator === 'undefined' || !navigator.storage?.getDirectory)('the origin private file system', () => {
  it('a folder of it', () =>
    expectNoLeaks(async () => {
      const root = await navigator.storage.getDirectory()
      const folder = await root.getDirectoryHandle('llama-model-test', { create: true })
      const params = initParams(config, 6)
      for (const file of await filesOf(params)) {
        const writable = await (await folder.getFileHandle(file.name, { create: true })).createWritable()
        await writable.write(file)
        await writable.close()
      }
      await expectModel(() => loadPretrained(folder), params)
      await root.removeEntry('llama-model-test', { recursive: true })
      return params
    }))
})
