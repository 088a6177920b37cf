import * as wasm from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { registerFlashAttention } from 'flash-attn-tfjs/wasm'
import { registerTrainingKernels } from 'llama-kernels-tfjs'
import { generate, type LlamaConfig, loss, tokenLosses } from 'llama-model'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { shareWasmHeap } from 'wasm-heap-tfjs'
import { expectClose } from '../../../test/support/close.ts'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { batchOf, collect, makeParams, type Rows, smallConfig, tokenIds, valueAndGradients } from './support.ts'

const config: LlamaConfig = { ...smallConfig, tieWordEmbeddings: true }
const tokens = tokenIds(2, 60, config.vocabSize)
const rows: Rows = {
  tokens,
  segmentIds: tokens.map((row) => row.map((_, t) => (t < 20 ? 1 : t < 55 ? 2 : 0))),
  positions: tokens.map((row) => row.map((_, t) => (t < 20 ? t : t - 20))),
  lossWeights: tokens.map((row) => row.map((_, t) => t % 3)),
}

/** Loss, gradients, losses of tokens and a greedy continuation that fills the recent piece of the cache. */
async function results() {
  const params = makeParams(config)
  const { value, gradients } = valueAndGradients((own) => loss(own, config, batchOf(rows)), params)
  const nll = tf.tidy(() => Array.from(tokenLosses(params, config, batchOf(rows)).dataSync()))
  const made = await collect(generate(params, { ...config, numLayers: 1 }, { tokens: tokens[0]!, maxNewTokens: 270, stopTokens: [] }))
  tf.dispose(params)
  return { value, gradients, nll, made }
}
let expected: Awaited<ReturnType<typeof results>>

beforeAll(async () => {
  await tf.setBackend('cpu') // composed ops
  expected = await results()
  await shareWasmHeap(wasm)
  await tf.setBackend('wasm')
  // tfjs's own leak check takes what an op saves for its gradient for a leak: tfjs-wasm copies it. Real ones show in expectNoLeaks.
  tf.env().set('IS_TEST', false)
})
afterAll(async () => {
  tf.env().set('IS_TEST', true)
  await tf.setBackend('cpu')
})

const threads = 2
const registrations: Record<string, () => (() => void)[]> = {
  'as it ships': () => [],
  'with the training kernels': () => [registerTrainingKernels({ threads }).unregister],
  'with flash attention': () => [registerFlashAttention({ threads }).unregister],
  'with both': () => [registerTrainingKernels({ threads }).unregister, registerFlashAttention({ threads }).unregister],
}
describe.each(Object.entries(registrations))('tfjs-wasm %s', (_, register) => {
  let unregister: (() => void)[]
  beforeEach(() => {
    unregister = register()
  })
  afterEach(() => {
    for (const each of unregister) each()
  })

  it('computes what composed ops compute on cpu', () =>
    expectNoLeaks(async () => {
      const { value, gradients, nll, made } = await results()
      // float32 sums in another order
      expectClose([value], [expected.value], { rtol: 1e-5 })
      expectClose(nll, expected.nll, { atol: 2e-5, rtol: 1e-5 })
      for (const [name, gradient] of Object.entries(gradients)) {
        const size = Math.max(...expected.gradients[name]!.map(Math.abs))
        expectClose(gradient, expected.gradients[name]!, { atol: 2e-5 * Math.max(1, size), rtol: 1e-4 })
      }
      expect(made.map(({ token }) => token)).toEqual(expected.made.map(({ token }) => token))
      expectClose(
        made.map(({ logProbability }) => logProbability),
        expected.made.map(({ logProbability }) => logProbability),
        { atol: 1e-4 },
      )
    }))

  it('keeps tensors and heap constant over steps', () =>
    expectNoLeaks(() => {
      const params = makeParams(config)
      const batch = batchOf(rows)
      const { wasm: module } = tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } }
      const counts = Array.from({ length: 8 }, () => {
        const { value, grads } = tf.valueAndGrads((..._: tf.Tensor[]) => loss(params, config, batch))(Object.values(params))
        tf.dispose([value, grads])
        return `${tf.memory().numTensors} ${tf.memory().numDataBuffers} ${module.HEAPU8.length}`
      })
      expect(new Set(counts.slice(1)).size).toBe(1)
      return [params, { ...batch }]
    }))
})
