import v8 from 'node:v8'
import vm from 'node:vm'
import workerThreads from 'node:worker_threads'
import * as wasm from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadKernels, shareWasmHeap, wasmHeap } from 'wasm-heap-tfjs'
import { tinyModule } from './tiny-module.ts'

const { Worker } = workerThreads
let living = 0

class CountedWorker extends Worker {
  constructor(source: string | URL, options?: workerThreads.WorkerOptions) {
    super(source, options)
    living++
    this.on('exit', () => living--)
  }
}
beforeAll(() => {
  workerThreads.Worker = CountedWorker
})
afterAll(() => {
  workerThreads.Worker = Worker
})

v8.setFlagsFromString('--expose-gc')
const collectGarbage: () => void = vm.runInNewContext('gc')
const mebibytes = () => process.memoryUsage().rss / 2 ** 20

async function start() {
  await shareWasmHeap(wasm)
  await tf.setBackend('wasm')
  const heap = wasmHeap(tf.backend())
  const kernels = loadKernels(heap, { simd: tinyModule, relaxedSimd: tinyModule }, { threads: 2 })
  return { heap, kernels }
}

/** Takes the backend out, and its heap with it; the next `start` has a new one. */
function end() {
  const factory = tf.findBackendFactory('wasm')
  tf.removeBackend('wasm')
  tf.registerBackend('wasm', factory)
}

test('the threads and the memory of a backend end with it; another one starts', { timeout: 60_000 }, async () => {
  const largest = 256 // MiB of each heap; six heaps at a time would be 1,536
  const before = mebibytes()
  for (let round = 0; round < 6; round++) {
    const { heap, kernels } = await start()
    tf.ones([largest * 2 ** 18]) // touched, and left in the heap
    const base = heap.allocate(2 ** 14)
    kernels.run('mark', 2, [base])
    kernels.run('wait', 64, [base, 20_000])
    end()
    while (living > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    collectGarbage()
  }
  expect(mebibytes() - before).toBeLessThan(3 * largest)
})
