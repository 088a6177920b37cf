// The cache of the wasm kernels, written in place: what the whole sequence gives without one.
import * as wasm from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { registerFlashAttention } from 'flash-attn-tfjs/wasm'
import { registerTrainingKernels } from 'llama-kernels-tfjs'
import { forward, generate, generateBatch, type LlamaConfig, type Params } from 'llama-model'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { shareWasmHeap } from 'wasm-heap-tfjs'
import { expectClose } from '../../../test/support/close.ts'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { batchOf, collect, makeParams, smallConfig, tokenIds } from './support.ts'

const base: LlamaConfig = { ...smallConfig, eosTokenId: null, numLayers: 2 }
const cases: Record<string, LlamaConfig> = {
  plain: base,
  'a window in one of two layers': { ...base, slidingWindow: 37, fullAttentionLayers: [1] },
  'a window longer than a block of the cache': { ...base, slidingWindow: 300 },
}

let unregister: (() => void)[]
beforeAll(async () => {
  await shareWasmHeap(wasm)
  await tf.setBackend('wasm')
  unregister = [registerTrainingKernels({ threads: 2 }).unregister, registerFlashAttention({ threads: 2 }).unregister]
})
afterAll(async () => {
  for (const each of unregister) each()
  await tf.setBackend('cpu')
})

/** log-softmax after the prompt and each of the tokens, by `forward`. */
function uncached(params: Params, config: LlamaConfig, prompt: readonly number[], made: readonly { token: number }[]): number[][] {
  const tokens = [...prompt, ...made.map(({ token }) => token)].slice(0, -1)
  return tf.tidy(() => tf.logSoftmax(forward(params, config, batchOf({ tokens: [tokens] }))).arraySync()[0]!).slice(prompt.length - 1)
}

const close = { atol: 2e-4 } // float32 sums over a thousand keys in another order

it.each(Object.entries(cases))('%s: as without a cache, over several of its blocks', (_, config) =>
  expectNoLeaks(async () => {
    const params = makeParams(config, 3)
    const prompt = tokenIds(1, 600, config.vocabSize)[0]! // goes through in two pieces
    const made = await collect(generate(params, config, { tokens: prompt, maxNewTokens: 560 }))
    const expected = uncached(params, config, prompt, made)
    expect(made.length).toBe(560)
    expectClose(
      made.map(({ logProbability }) => logProbability),
      made.map(({ token }, i) => expected[i]![token]!),
      close,
    )
    expectClose(
      made.map(({ logProbability }) => logProbability),
      expected.map((own) => Math.max(...own)),
      close,
    )
    return params
  }),
)

it.each(Object.entries(cases))('%s: prompts of different lengths at once', (_, config) =>
  expectNoLeaks(async () => {
    const params = makeParams(config, 3)
    const prompts = [500, 3, 41].map((length) => tokenIds(1, length, config.vocabSize)[0]!)
    const rows: { token: number; logProbability: number }[][] = prompts.map(() => [])
    for await (const { row, ...token } of generateBatch(params, config, { prompts, maxNewTokens: 20 })) rows[row]!.push(token)
    for (const [row, made] of rows.entries()) {
      const expected = uncached(params, config, prompts[row]!, made)
      expectClose(
        made.map(({ logProbability }) => logProbability),
        expected.map((own) => Math.max(...own)),
        close,
      )
    }
    return params
  }),
)
