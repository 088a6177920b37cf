import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as tf from '@tensorflow/tfjs-core'
import { loadPretrained, savePretrained } from 'llama-model'
import { expect, it } from 'vitest'
import { saved, sorted } from './checkpoint-support.ts'
import { withFolder } from './support.ts'

const filesOf = async (dir: string) =>
  Object.fromEntries(await Promise.all((await sorted(dir)).map(async (name) => [name, await readFile(join(dir, name))] as const)))

it.each(['float32', 'float16', 'bfloat16'] as const)('a model in %s, loaded and saved, is the same bytes', (dtype) =>
  saved(
    async (dir) => {
      await writeFile(join(dir, 'tokenizer.model'), Uint8Array.of(0, 255))
      await writeFile(join(dir, 'generation_config.json'), '{"temperature": 0.6,\n "eos_token_id": [2, 7]}')
      const loaded = await loadPretrained(dir)
      const copy = `${dir}-copy`
      await savePretrained(copy, { ...loaded, maxShardBytes: 6000 })
      expect(await filesOf(copy)).toEqual(await filesOf(dir))
      await rm(copy, { recursive: true })
      tf.dispose(loaded.params)
    },
    { dtype, maxShardBytes: 6000, tokenizer: { 'tokenizer.json': '{ "é" : 1}', 'chat_template.jinja': '{{ x }}' } },
  ),
)

it('what transformers said of a model stays, until the model says otherwise', () =>
  withFolder(async (dir) => {
    const folder = fileURLToPath(new URL('golden/transformers-5', import.meta.url))
    const loaded = await loadPretrained(folder)
    await savePretrained(join(dir, 'same'), loaded)
    for (const name of ['config.json', 'generation_config.json'])
      expect(await readFile(join(dir, 'same', name), 'utf8')).toBe(await readFile(join(folder, name), 'utf8'))
    const config = { ...loaded.config, maxPositionEmbeddings: 4096, rope: { headDim: 4, base: 4e6 }, eosTokenId: [2, 3] }
    await savePretrained(join(dir, 'longer'), { ...loaded, config })
    const read = async (name: string) => JSON.parse(await readFile(join(dir, 'longer', name), 'utf8')) as Record<string, unknown>
    const before = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as Record<string, unknown>
    const after = await read('config.json')
    expect(after).toMatchObject({ pretraining_tp: before.pretraining_tp, rope_theta: 4e6, torch_dtype: 'bfloat16', eos_token_id: [2, 3] })
    expect(after).not.toHaveProperty('rope_parameters')
    expect(await read('generation_config.json')).toMatchObject({ transformers_version: before.transformers_version, eos_token_id: [2, 3] })
    tf.dispose(loaded.params)
  }))
