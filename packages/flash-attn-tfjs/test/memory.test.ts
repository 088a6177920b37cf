import * as tf from '@tensorflow/tfjs-core'
import { attention, flashAttention } from 'flash-attn-tfjs'
import { registerFlashAttention } from 'flash-attn-tfjs/wasm'
import { beforeAll, expect, test } from 'vitest'
import { type Attend, makeInputs, run } from './support/cases.ts'
import type { OracleProblem } from './support/oracle.ts'
import { heapBytes, startWasm, watchHeap } from './support/wasm.ts'

let heap: ReturnType<typeof watchHeap>
beforeAll(async () => {
  await startWasm()
  heap = watchHeap()
})

const problem = (length: number, D = 16): OracleProblem => ({ B: 1, T: length, S: length, H: 4, K: 2, D, causal: true })

function step(length: number): void {
  run(flashAttention, problem(length), makeInputs(problem(length), 1))
}

test('wasm: peak bytes of forward and backward grow linearly', async () => {
  await tf.setBackend('wasm')
  const kernels = registerFlashAttention({ threads: 2 })
  const [short, long] = [1024, 2048].map((length) => heap.peak(() => step(length))) as [number, number]
  kernels.unregister()
  expect(long / short).toBeGreaterThan(1.5)
  expect(long / short).toBeLessThan(2.1)
  expect(long).toBeLessThan((4 * 4 * 2048 * 2048) / 4) // scores of 4 heads would be four times as much
})

test('wasm: forward and backward hold the tensors and at most 10 % more, also where a head dim is no multiple of 4', async () => {
  await tf.setBackend('wasm')
  const kernels = registerFlashAttention({ threads: 2 })
  for (const D of [64, 37]) {
    const p: OracleProblem = { B: 1, T: 32_768, S: 32_768, H: 1, K: 1, D, causal: true, window: 64 } // the window saves time, not memory
    const attrs = { causal: true, scale: 1, window: 64, softcap: 0 }
    const { q, k, v, dOut } = makeInputs(p, 1)
    const bytes = heap.peak(() => {
      const [query, key, value, dy] = [q, k, v, dOut].map((x) => tf.tensor4d(x, [1, p.T, 1, D])) as [
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
      ]
      const call = (name: string, inputs: Record<string, tf.Tensor>) => tf.engine().runKernel(name, inputs, attrs) as unknown as tf.Tensor[]
      const [out, logSumExp] = call('FlashAttention', { query, key, value }) as [tf.Tensor, tf.Tensor]
      const gradients = call('FlashAttentionGrad', { query, key, value, out, logSumExp, dOut: dy })
      tf.dispose([query, key, value, dy, out, logSumExp, gradients])
    })
    const tensors = 4 * p.T * (8 * D + 1) // query, key, value, dOut, out and three gradients; log-sum-exp
    expect(bytes / tensors).toBeGreaterThan(1)
    expect(bytes / tensors).toBeLessThan(1.1)
  }
  kernels.unregister()
})

test('composed: peak bytes grow linearly, those of the naive twin quadratically', async () => {
  await tf.setBackend('cpu')
  const peak = async (attend: Attend, length: number) => {
    const p = { ...problem(length, 2), H: 1, K: 1 }
    const { peakBytes } = await tf.profile(() => void run(attend, p, makeInputs(p, 1)))
    return peakBytes
  }
  expect((await peak(flashAttention, 1024)) / (await peak(flashAttention, 512))).toBeLessThan(2.1)
  expect((await peak(attention, 1024)) / (await peak(attention, 512))).toBeGreaterThan(3.5)
})

test('wasm: nothing stays allocated, the heap does not grow', async () => {
  await tf.setBackend('wasm')
  const kernels = registerFlashAttention({ threads: 2 })
  step(300)
  const live = heap.live()
  const bytes = heapBytes()
  for (let i = 0; i < 20; i++) step(300)
  expect(heap.live()).toBe(live)
  expect(heapBytes()).toBe(bytes)
  kernels.unregister()
})

test('wasm: a full heap throws, names the bytes, and leaves nothing behind', async () => {
  await tf.setBackend('wasm')
  const kernels = registerFlashAttention({ threads: 2 })
  const inputs = tf.tidy(() => [tf.ones([1, 80, 4, 16]), tf.ones([1, 80, 2, 16]), tf.ones([1, 80, 2, 16]), tf.ones([1, 80], 'int32')])
  const [query, key, value, querySegmentIds] = inputs as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]
  const forward = { query, key, value, querySegmentIds, keySegmentIds: querySegmentIds }
  const attrs = { causal: true, scale: 1, window: 0, softcap: 0 }
  const call = (name: string, more: Record<string, tf.Tensor> = {}) =>
    tf.engine().runKernel(name, { ...forward, ...more }, attrs) as unknown as tf.Tensor[]
  const [out, logSumExp] = call('FlashAttention') as [tf.Tensor, tf.Tensor]
  const tensors = tf.memory().numTensors
  const live = heap.live()
  for (const kernel of [() => call('FlashAttention'), () => call('FlashAttentionGrad', { out, logSumExp, dOut: query })]) {
    const allocations = heap.count(() => tf.dispose(kernel()))
    expect(allocations).toBeGreaterThan(5)
    for (let n = 0; n < allocations; n++) {
      heap.withFailure(n, () => expect(kernel).toThrow(/heap is full: \d+ bytes/))
    }
    expect(heap.live()).toBe(live)
    expect(tf.memory().numTensors).toBe(tensors)
  }
  tf.dispose([...inputs, out, logSumExp])
  kernels.unregister()
})
