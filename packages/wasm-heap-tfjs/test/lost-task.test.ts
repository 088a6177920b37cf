import { once } from 'node:events'
import workerThreads from 'node:worker_threads'
import * as wasm from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadKernels, shareWasmHeap, wasmHeap } from 'wasm-heap-tfjs'
import { tinyModule } from './tiny-module.ts'

const { Worker } = workerThreads
const online: Promise<unknown>[] = []

/** Thread 1 is ended by the operating system, as it were, at the moment it has taken a task; thread 2 is an ordinary one. */
class MortalWorker extends Worker {
  constructor(source: string | URL, options?: workerThreads.WorkerOptions) {
    const dies = `if (require('node:worker_threads').workerData.thread === 1) {
      const { sub } = Atomics
      Atomics.sub = (...call) => {
        const left = sub(...call)
        if (left > 0) process.exit(7)
        return left
      }
    }`
    super(`${dies}\n${source}`, options)
    online.push(once(this, 'online'))
  }
}

beforeAll(async () => {
  workerThreads.Worker = MortalWorker
  await shareWasmHeap(wasm)
  await tf.setBackend('wasm')
})
afterAll(() => {
  workerThreads.Worker = Worker
})

test('a worker that dies while it holds a task: the call fails at once, and the next ones work', async () => {
  const heap = wasmHeap(tf.backend())
  const base = heap.allocate(8192)
  const kernels = loadKernels(heap, { simd: tinyModule, relaxedSimd: tinyModule }, { threads: 3 })
  await Promise.all(online) // Node tells of a worker's life once its start has been heard of
  const untilItDies = () => {
    for (let round = 0; round < 500; round++) kernels.run('wait', 64, [base, 200_000])
  }
  // within the test's time limit, a sixth of the 180 s for which a task may show no progress
  expect(untilItDies).toThrow(/a kernel thread failed: thread 1 died at its work.*later kernels run on one thread/)
  expect(kernels.threads).toBe(1)
  await new Promise((resolve) => setTimeout(resolve, 50)) // the event of its end is no second error
  for (let round = 0; round < 10; round++) {
    const marks = new Int32Array(heap.memory.buffer, base, 64).fill(0)
    kernels.run('mark', 64, [base])
    expect([...marks]).toEqual(Array(64).fill(1))
  }
  heap.free(base)
}, 30_000)
