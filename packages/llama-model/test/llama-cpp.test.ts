// What `exportGguf` writes, run by llama.cpp. Runs where `bench/setup-models smollm2 llama-cpp` has put model and program.
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as tf from '@tensorflow/tfjs-core'
import { exportGguf, generate, loadPretrained } from 'llama-model'
import { expect, it } from 'vitest'
import { collect, withFolder } from './support.ts'
import '@tensorflow/tfjs-backend-wasm'

const cache = fileURLToPath(new URL('../../../node_modules/.cache/', import.meta.url))
const file = join(cache, 'models/SmolLM2-135M-Instruct.Q4_1.gguf')
const isThere = existsSync(file) && existsSync(join(cache, 'peers/llama-cpp/node_modules/node-llama-cpp'))
const child = fileURLToPath(new URL('llama-cpp-child.ts', import.meta.url))
const { smollm2 }: { smollm2: { readonly tokens: readonly number[] } } = JSON.parse(
  readFileSync(new URL('golden/gguf.json', import.meta.url), 'utf8'),
)

it.skipIf(!isThere)('llama.cpp goes on with the same 64 tokens as we do', { timeout: 400_000 }, () =>
  withFolder(async (dir) => {
    await tf.setBackend('wasm')
    const model = await loadPretrained(file)
    // in float32, because llama.cpp rounds activations too where weights are halves or less
    await exportGguf(join(dir, 'model.gguf'), { ...model, dtype: 'float32' })
    const made = await collect(generate(model.params, model.config, { tokens: smollm2.tokens, maxNewTokens: 64, stopTokens: [] }))
    tf.dispose(model.params)
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...['--import=tsx', child, join(dir, 'model.gguf'), JSON.stringify(smollm2.tokens), '64'],
    ])
    expect(JSON.parse(stdout)).toEqual(made.map(({ token }) => token))
  }),
)
