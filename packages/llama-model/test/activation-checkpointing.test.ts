import * as wasm from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { registerFlashAttention } from 'flash-attn-tfjs/wasm'
import { registerTrainingKernels } from 'llama-kernels-tfjs'
import { type ActivationCheckpointing, type LlamaConfig, loss, type Params } from 'llama-model'
import { train } from 'trainer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { shareWasmHeap } from 'wasm-heap-tfjs'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { batchOf, collect, makeParams, type Rows, smallConfig, tokenIds, valueAndGradients } from './support.ts'

const config: LlamaConfig = { ...smallConfig, numLayers: 3 }
const tokens = tokenIds(2, 30, config.vocabSize)
const packed: Rows = {
  tokens,
  segmentIds: tokens.map((row) => row.map((_, t) => (t < 12 ? 1 : t < 27 ? 2 : 0))),
  positions: tokens.map((row) => row.map((_, t) => (t < 12 ? t : t - 12))),
  lossWeights: tokens.map((row) => row.map((_, t) => t % 3)),
}
const choices: ActivationCheckpointing[] = [{ every: 1 }, { every: 2 }, { first: 0 }, { first: 2 }, { first: 9 }]
const configs: [string, LlamaConfig, Rows][] = [
  ['packed rows', config, packed],
  ['one segment, tied', { ...config, tieWordEmbeddings: true }, { tokens }],
  ['biases, norms of query and key', { ...config, attentionBias: 'all', mlpBias: true, queryKeyNorm: true }, packed],
  ['xPos', { ...config, rope: { headDim: 8, scaling: { kind: 'xpos' } } }, packed],
]

beforeAll(async () => {
  await shareWasmHeap(wasm)
})
afterAll(async () => {
  tf.env().set('IS_TEST', true)
  await tf.setBackend('cpu')
})

describe.each(['cpu', 'wasm'])('on %s', (backend) => {
  let unregister: (() => void)[] = []
  beforeAll(async () => {
    await tf.setBackend(backend)
    if (backend === 'cpu') return
    unregister = [registerTrainingKernels({ threads: 2 }).unregister, registerFlashAttention({ threads: 2 }).unregister]
    // tfjs's own leak check takes what an op saves for its gradient for a leak; real ones show in expectNoLeaks
    tf.env().set('IS_TEST', false)
  })
  afterAll(() => {
    for (const each of unregister) each()
  })

  it.each(configs)('gradients are the same to the last bit: %s', (_, config, rows) =>
    expectNoLeaks(() => {
      const params = makeParams(config)
      const batch = batchOf(rows)
      const of = (activationCheckpointing?: ActivationCheckpointing) =>
        valueAndGradients((own) => loss(own, config, batch, { activationCheckpointing }), params)
      const plain = of()
      for (const choice of choices) expect(of(choice)).toEqual(plain)
      return [params, { ...batch }]
    }),
  )

  it('a batch made inside the loss may be gone when the gradient comes', () =>
    expectNoLeaks(() => {
      const params = makeParams(config)
      const of = (activationCheckpointing?: ActivationCheckpointing) =>
        valueAndGradients((own) => loss(own, config, batchOf(packed), { activationCheckpointing }), params)
      expect(of({ every: 1 })).toEqual(of())
      return params
    }))

  it('trainer gets the same steps, of all parameters and of some', () =>
    expectNoLeaks(async () => {
      const run = async (activationCheckpointing: ActivationCheckpointing | undefined, trainable: (name: string) => boolean) => {
        const params = makeParams(config)
        const reports = await collect(
          train({
            params,
            loss: (own: Params, batch: ReturnType<typeof batchOf>) => loss(own, config, batch, { activationCheckpointing }),
            batches: Array.from({ length: 6 }, (_, i) => batchOf({ tokens: tokenIds(1, 20 + i, config.vocabSize) })),
            learningRate: () => 0.01,
            gradientAccumulation: 2,
            tokens: ({ tokens }) => tokens.size,
            trainable,
            totalSteps: 3,
          }),
        )
        const values = Object.values(params).map((param) => param.dataSync())
        tf.dispose(params)
        return { losses: reports.map(({ loss, gradientNorm }) => [loss, gradientNorm]), values }
      }
      for (const trainable of [() => true, (name: string) => name.includes('layers.1.self_attn')])
        expect(await run({ every: 1 }, trainable)).toEqual(await run(undefined, trainable))
    }))

  it('an error in the gradient frees what was kept', () =>
    expectNoLeaks(async () => {
      const params = makeParams(config)
      const fails = tf.customGrad((x) => ({
        value: (x as tf.Tensor).clone(),
        gradFunc: () => {
          throw new Error('no gradient')
        },
      }))
      const once = train({
        params,
        loss: (own: Params, batch: ReturnType<typeof batchOf>) => {
          const broken = { ...own, 'model.layers.0.mlp.up_proj.weight': fails(own['model.layers.0.mlp.up_proj.weight']!) }
          return loss(broken, config, batch, { activationCheckpointing: { every: 1 } })
        },
        batches: [batchOf({ tokens })],
        learningRate: () => 0.01,
        totalSteps: 1,
      })
      await expect(collect(once)).rejects.toThrow('no gradient')
      return params
    }))
})

describe('memory', () => {
  beforeAll(() => tf.setBackend('cpu').then(() => {}))

  it('grows by an input a layer instead of all that a layer computes', async () => {
    const peakOf = async (numLayers: number, activationCheckpointing?: ActivationCheckpointing) => {
      const deep = { ...config, numLayers }
      const params = makeParams(deep)
      const batch = batchOf({ tokens: tokenIds(1, 200, config.vocabSize) })
      const { peakBytes } = await tf.profile(() => {
        const { value, grads } = tf.valueAndGrads((..._: tf.Tensor[]) => loss(params, deep, batch, { activationCheckpointing }))(
          Object.values(params),
        )
        tf.dispose([value, grads])
      })
      const weights = Object.values(params).reduce((sum, { size }) => sum + 4 * size, 0)
      tf.dispose([params, { ...batch }])
      return peakBytes - 2 * weights // they and their gradients
    }
    const slope = async (choice?: ActivationCheckpointing) => ((await peakOf(8, choice)) - (await peakOf(4, choice))) / 4
    const input = 4 * 200 * config.hiddenSize
    const table = 4 * 200 * config.headDim // tfjs counts shared data once for every tensor
    expect(await slope({ every: 1 })).toBeLessThan(1.1 * input + table)
    expect(await slope()).toBeGreaterThan(8 * input)
    expect(await slope({ first: 2 })).toBeGreaterThan(8 * input)
  })
})

it.each<[ActivationCheckpointing, string]>([
  [{ every: 0 }, 'loss: activationCheckpointing.every is 0; it must be a whole number ≥ 1.'],
  [{ every: 1.5 }, 'loss: activationCheckpointing.every is 1.5; it must be a whole number ≥ 1.'],
  [{ first: -1 }, 'loss: activationCheckpointing.first is -1; it must be a whole number ≥ 0.'],
])('refuses %o', (activationCheckpointing, message) => {
  const params = makeParams(config)
  expect(() => loss(params, config, batchOf({ tokens }), { activationCheckpointing })).toThrow(message)
  tf.dispose(params)
})
