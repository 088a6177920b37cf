// What `exportGguf` writes, run by llama.cpp. Runs where `bench/setup-models smollm2 llama-cpp` has put model and program.
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as tf from '@tensorflow/tfjs-core'
import { exportGguf, forward, generate, loadPretrained } from 'llama-model'
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

/** 64 tokens that llama.cpp finds likeliest, one after the other. */
async function goOn(model: string): Promise<number[]> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import=tsx', child, model, JSON.stringify(smollm2.tokens), '64'])
  return JSON.parse(stdout)
}

it.skipIf(!isThere)('llama.cpp goes on with the same 64 tokens as we do', { timeout: 400_000 }, () =>
  withFolder(async (dir) => {
    await tf.setBackend('wasm')
    const model = await loadPretrained(file)
    await exportGguf(join(dir, 'model.gguf'), { ...model, dtype: 'float32' })
    const made = await collect(generate(model.params, model.config, { tokens: smollm2.tokens, maxNewTokens: 64, stopTokens: [] }))
    tf.dispose(model.params)
    expect(await goOn(join(dir, 'model.gguf'))).toEqual(made.map(({ token }) => token))
  }),
)

// Where weights are halves or 8 bits, llama.cpp rounds activations to the same, and we do not: another token may win a close race. So each
// of its tokens must be one whose logit is, after the same tokens, at most so far below our highest.
it.skipIf(!isThere).each([
  ['float16', { atol: 2e-2 }],
  ['q8_0', { atol: 3e-1 }],
] as const)('%s: each of 64 tokens of llama.cpp is our likeliest, or nearly', { timeout: 400_000 }, (dtype, { atol }) =>
  withFolder(async (dir) => {
    await tf.setBackend('wasm')
    const original = await loadPretrained(file)
    await exportGguf(join(dir, 'model.gguf'), { ...original, dtype })
    tf.dispose(original.params)
    const theirs = await goOn(join(dir, 'model.gguf'))
    expect(theirs).toHaveLength(64)
    const { params, config } = await loadPretrained(join(dir, 'model.gguf'))
    const gaps = tf.tidy(() => {
      const tokens = tf.tensor2d([[...smollm2.tokens, ...theirs.slice(0, -1)]], undefined, 'int32')
      const logits: tf.Tensor2D = tf.slice(
        tf.squeeze<tf.Tensor2D>(forward(params, config, { tokens }), [0]),
        [smollm2.tokens.length - 1, 0],
        [64, -1],
      )
      const chosen = tf.sum(tf.mul(logits, tf.oneHot(tf.tensor1d(theirs, 'int32'), config.vocabSize)), 1)
      return Array.from(tf.sub(tf.max(logits, 1), chosen).dataSync())
    })
    tf.dispose(params)
    expect(Math.max(...gaps)).toBeLessThan(atol)
    expect(gaps.filter((gap) => gap === 0).length).toBeGreaterThanOrEqual(58) // nine in ten are our likeliest
  }),
)
