import workerThreads from 'node:worker_threads'
import * as wasm from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type KernelModule, loadKernels, shareWasmHeap, type WasmHeap, wasmHeap } from 'wasm-heap-tfjs'
import { tinyModule } from './tiny-module.ts'

const { Worker } = workerThreads
const started: workerThreads.Worker[] = []

/** An ordinary worker that the test can end. */
class WatchedWorker extends Worker {
  constructor(source: string | URL, options?: workerThreads.WorkerOptions) {
    super(source, options)
    started.push(this)
  }
}

let heap: WasmHeap
let kernels: KernelModule
let base: number

beforeAll(async () => {
  workerThreads.Worker = WatchedWorker
  await shareWasmHeap(wasm)
  await tf.setBackend('wasm')
  heap = wasmHeap(tf.backend())
  kernels = loadKernels(heap, { simd: tinyModule, relaxedSimd: tinyModule }, { threads: 3 })
  base = heap.allocate(2 ** 14)
})
afterAll(() => {
  workerThreads.Worker = Worker
})
const marks = () => new Int32Array(heap.memory.buffer, base, 64)

test('workers that are ended between calls: one clear error, then the caller computes alone, and right', async () => {
  for (let round = 0, joined = 0; round < 500 && joined < 3; round++) {
    kernels.run('wait', 64, [base, 200_000])
    joined = new Set(marks()).size
  }
  expect(new Set(marks())).toEqual(new Set([1, 2, 3])) // they did work before
  await Promise.all(started.map((worker) => worker.terminate()))
  const run = () => {
    marks().fill(0)
    kernels.run('mark', 64, [base])
  }
  expect(run).toThrow(/a kernel thread failed: it ended with code 1.*later kernels run on one thread/)
  for (let round = 0; round < 10; round++) {
    run()
    expect([...marks()]).toEqual(Array(64).fill(1))
  }
  expect(kernels.threads).toBe(1)
})
