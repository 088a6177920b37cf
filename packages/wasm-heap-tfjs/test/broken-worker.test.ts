import workerThreads from 'node:worker_threads'
import * as wasm from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadKernels, shareWasmHeap, wasmHeap } from 'wasm-heap-tfjs'
import { tinyModule } from './tiny-module.ts'

const { Worker } = workerThreads
const started: workerThreads.Worker[] = []

/** A worker whose program fails at once. */
class BrokenWorker extends Worker {
  constructor(_source: string | URL, options?: workerThreads.WorkerOptions) {
    super('throw new Error("no memory for a thread")', options)
    started.push(this)
  }
}

beforeAll(async () => {
  workerThreads.Worker = BrokenWorker
  await shareWasmHeap(wasm)
  await tf.setBackend('wasm')
})
afterAll(() => {
  workerThreads.Worker = Worker
})

test('workers that die are an error of the next call; later calls run on the caller alone', async () => {
  const heap = wasmHeap(tf.backend())
  const base = heap.allocate(8192)
  const marks = () => [...new Int32Array(heap.memory.buffer, base, 8)]
  const run = () => {
    new Int32Array(heap.memory.buffer, base, 8).fill(0)
    kernels.run('mark', 8, [base])
    return marks()
  }
  const kernels = loadKernels(heap, { simd: tinyModule, relaxedSimd: tinyModule }, { threads: 3 })
  expect(run()).toEqual(Array(8).fill(1)) // nobody else came: the caller did all
  await Promise.all(started.map((worker) => new Promise((resolve) => worker.once('exit', resolve))))
  expect(run).toThrow(/a kernel thread failed: no memory for a thread.*later kernels run on one thread/)
  expect(run()).toEqual(Array(8).fill(1))
  heap.free(base)
})
