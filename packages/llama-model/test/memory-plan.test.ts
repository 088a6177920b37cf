import * as wasm from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { registerFlashAttention } from 'flash-attn-tfjs/wasm'
import { registerTrainingKernels } from 'llama-kernels-tfjs'
import {
  type Batch,
  initLora,
  initParams,
  isLoraParam,
  type LlamaConfig,
  llamaConfig,
  loss,
  type MemoryPlanOptions,
  memoryPlan,
} from 'llama-model'
import { sgd, train } from 'trainer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { shareWasmHeap } from 'wasm-heap-tfjs'
import { watchHeap } from '../../../bench/peers/memory.ts'
import { collect } from './support.ts'

const wide: LlamaConfig = { ...llamaConfig('tiny'), vocabSize: 512, hiddenSize: 128, intermediateSize: 352, numLayers: 6, numHeads: 8 }
const narrow: LlamaConfig = { ...wide, hiddenSize: 32, intermediateSize: 96, numLayers: 3, numHeads: 2, numKvHeads: 1 }
const withLora = (targets: string | string[]) => ({ config: { ...wide, lora: { rank: 4, alpha: 8, targets } }, trainable: isLoraParam })
const recipe = {
  ...withLora(['q_proj', 'k_proj', 'v_proj', 'o_proj']),
  trainable: (name: string) => isLoraParam(name) || /norm|embed/.test(name),
}
const untied: LlamaConfig = { ...wide, numLayers: 2, vocabSize: 8192, tieWordEmbeddings: false }

describe('measured on wasm', () => {
  let memory: ReturnType<typeof watchHeap>
  beforeAll(async () => {
    await shareWasmHeap(wasm)
    await tf.setBackend('wasm')
    tf.env().set('IS_TEST', false) // tfjs takes what an op saves for its gradient for a leak
    memory = watchHeap(heap())
    registerTrainingKernels({ threads: 2 })
    registerFlashAttention({ threads: 2 })
  })
  afterAll(async () => {
    tf.env().set('IS_TEST', true)
    await tf.setBackend('cpu')
  })
  const heap = () => (tf.backend() as unknown as { wasm: Parameters<typeof watchHeap>[0] & { HEAPU8: Uint8Array } }).wasm

  const expectPeak = async (options: MemoryPlanOptions) => {
    const { config, batchSize, rowLength, gradientAccumulation = 1, optimizerMoments = 2, trainable = () => true } = options
    const plan = memoryPlan(options)
    const { activationCheckpointing } = plan
    const params = { ...initParams(config, 1), ...(config.lora ? initLora(config, 1) : {}) }
    const tokens = new Int32Array(batchSize * rowLength).map((_, i) => i % config.vocabSize)
    memory.reset()
    await collect(
      train<Batch>({
        params,
        loss: (own, batch) => loss(own, config, batch, { activationCheckpointing }),
        batches: Array.from({ length: 2 * gradientAccumulation }, () => ({ tokens: tf.tensor2d(tokens, [batchSize, rowLength], 'int32') })),
        disposeBatches: true,
        learningRate: () => 1e-3,
        totalSteps: 2,
        gradientAccumulation,
        tokens: ({ tokens }) => tokens.size,
        trainable,
        ...(optimizerMoments === 0 ? { optimizer: sgd() } : {}),
      }),
    )
    tf.dispose(params)
    const ratio = plan.peakBytes / memory.peak()
    expect(ratio).toBeGreaterThan(1 / 1.15)
    expect(ratio).toBeLessThan(1.15)
    return plan
  }

  it.each<[string, Partial<MemoryPlanOptions>]>([
    ['rows that keep the products of the MLP', { config: narrow, rowLength: 768 }],
    ['rows that compute them again', { config: narrow, rowLength: 1536 }],
    ['every layer again', { config: narrow, rowLength: 1536, activationCheckpointing: { every: 1 } }],
    ['two rows', { batchSize: 2 }],
    ['two rows, every layer again', { batchSize: 2, activationCheckpointing: { every: 1 } }],
    ['every second layer again', { activationCheckpointing: { every: 2 } }],
    ['the first two layers again', { activationCheckpointing: { first: 2 } }],
    ['accumulation', { gradientAccumulation: 2 }],
    ['parameters that outweigh the rest, untied', { config: untied, rowLength: 64 }],
    ['SGD without moments', { config: untied, rowLength: 64, optimizerMoments: 0 }],
    ['some matrices of every layer learn', { trainable: (name) => name.includes('q_proj') }],
    ['a LoRA of attention', withLora(['q_proj', 'v_proj'])],
    ['a LoRA, norms and embeddings, every layer again', { ...recipe, activationCheckpointing: { every: 1 } }],
    ['a LoRA, norms and embeddings', recipe],
    ['a LoRA of everything', withLora('all-linear')],
    ['a LoRA of everything, every layer again', { ...withLora('all-linear'), activationCheckpointing: { every: 1 } }],
    ['biases of queries, keys and values', { config: { ...wide, attentionBias: 'qkv' } }],
    ['norms of queries and keys', { config: { ...wide, queryKeyNorm: true } }],
    ['norms of queries and keys, every layer again', { config: { ...wide, queryKeyNorm: true }, activationCheckpointing: { every: 1 } }],
    ['biases everywhere', { config: { ...wide, attentionBias: 'all', mlpBias: true } }],
    ['the last layer learns', { trainable: (name) => name.includes('layers.5.') }],
  ])('%s: within 15 %', async (_, options) => {
    await expectPeak({ config: wide, rowLength: 256, batchSize: 1, ...options })
  })

  it('a budget is kept with as few layers as it takes, and the heap grows as told', async () => {
    const shape = { config: wide, rowLength: 1024, batchSize: 1 }
    const [most, least] = [memoryPlan(shape), memoryPlan({ ...shape, activationCheckpointing: { every: 1 } })]
    expect(most.activationCheckpointing).toBeUndefined()
    const heapBytes = (most.heapBytes + least.heapBytes) / 2
    const plan = await expectPeak({ ...shape, heapBytes })
    const { first } = plan.activationCheckpointing as { first: number }
    expect(first).toBeGreaterThan(0)
    expect(plan.heapBytes).toBeLessThanOrEqual(heapBytes)
    const fewer = memoryPlan({ ...shape, activationCheckpointing: { first: first - 1 } })
    expect(fewer.heapBytes).toBeGreaterThan(heapBytes)
    expect(plan.heapBytes / heap().HEAPU8.length).toBeGreaterThan(1 / 1.15) // the largest of all cases here
    expect(plan.heapBytes / heap().HEAPU8.length).toBeLessThan(1.15)
  })
})

describe('what does not fit is told before anything runs, with what would', () => {
  const config = llamaConfig('llama2-7b')
  it.each<[Partial<MemoryPlanOptions>, RegExp]>([
    [
      { rowLength: 4096 },
      /^memoryPlan: 1 × 4096 tokens need 1\d\d\.\d\d GiB of a heap of 4\.00 GiB\. Parameters and optimizer state alone take 75\.\d\d GiB:/,
    ],
    [
      { config: wide, rowLength: 8192, batchSize: 64 },
      /^memoryPlan: 64 × 8192 tokens need .* of 4\.00 GiB\. (\d+) rows of 8192 would fit with more gradient/,
    ],
    [{ config: wide, rowLength: 2 ** 19 }, /need .* GiB of a heap of 4\.00 GiB\. One row of \d+ tokens would fit\./],
    [
      { config: wide, rowLength: 8192, batchSize: 64, activationCheckpointing: { every: 2 } },
      /rows of 8192 would fit with activationCheckpointing \{ every: 1 \} and more gradientAccumulation/,
    ],
  ])('%o', (options, message) => {
    expect(() => memoryPlan({ config, rowLength: 1024, batchSize: 1, ...options })).toThrow(message)
  })

  it('what it names does fit, and one more does not', () => {
    const shape = { config: wide, rowLength: 8192, activationCheckpointing: { every: 1 } } as const
    let message = ''
    try {
      memoryPlan({ ...shape, batchSize: 64 })
    } catch (error) {
      message = (error as Error).message
    }
    const rows = Number(/ (\d+) rows of/.exec(message)![1])
    expect(memoryPlan({ ...shape, batchSize: rows }).heapBytes).toBeLessThanOrEqual(2 ** 32)
    expect(() => memoryPlan({ ...shape, batchSize: rows + 1 })).toThrow('would fit')
  })

  it.each([
    [{ rowLength: 0 }, 'memoryPlan: rowLength is 0; it must be a whole number ≥ 1.'],
    [{ batchSize: 1.5 }, 'memoryPlan: batchSize is 1.5; it must be a whole number ≥ 1.'],
    [{ activationCheckpointing: { every: 0 } }, 'memoryPlan: activationCheckpointing.every is 0;'],
    [{ trainable: () => false }, 'memoryPlan: trainable is false for every parameter; let at least one learn.'],
  ])('refuses %o', (options, message) => {
    expect(() => memoryPlan({ config: wide, rowLength: 8, batchSize: 1, ...options })).toThrow(message)
  })
})
