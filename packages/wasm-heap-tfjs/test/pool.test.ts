import * as wasm from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, expect, test } from 'vitest'
import { type KernelModule, loadKernels, shareWasmHeap, type WasmHeap, wasmHeap } from 'wasm-heap-tfjs'
import { tinyModule } from './tiny-module.ts'

const numTasks = 64
let heap: WasmHeap
let kernels: KernelModule
let base: number

beforeAll(async () => {
  await shareWasmHeap(wasm)
  await tf.setBackend('wasm')
  heap = wasmHeap(tf.backend())
  kernels = loadKernels(heap, { simd: tinyModule, relaxedSimd: tinyModule }, { threads: 3 })
  base = heap.allocate(2 ** 16)
})
const words = () => new Int32Array(heap.memory.buffer, base, numTasks)

/** Runs tasks of about a millisecond until every thread has taken part: workers join when they have started. */
function untilAllThreadsJoin(module: KernelModule) {
  for (let round = 0; round < 500; round++) {
    module.run('wait', numTasks, [base, 200_000])
    const joined = new Set(words())
    if (joined.size === module.threads) return joined
  }
  return new Set<number>()
}

test('all threads take part', () => {
  expect(kernels.threads).toBe(3)
  expect(untilAllThreadsJoin(kernels)).toEqual(new Set([1, 2, 3]))
})

test('every task runs exactly once, however short the calls and however late the workers', () => {
  for (let round = 0; round < 5000; round++) {
    const count = 2 + (round % (numTasks - 1))
    words().fill(0)
    kernels.run('mark', count, [base])
    const expected = Array.from({ length: numTasks }, (_, task) => (task < count ? 1 : 0))
    if (words().join() !== expected.join()) expect([...words()], `round ${round}`).toEqual(expected)
  }
})

test('the same module twice is one module; others share its threads', () => {
  const again = loadKernels(heap, { simd: tinyModule, relaxedSimd: tinyModule }, { threads: 3 })
  expect(again).toBe(kernels)
  expect(loadKernels(heap, { simd: tinyModule, relaxedSimd: tinyModule }, { threads: 1 }).threads).toBe(1)
})

test('an unknown kernel, no tasks', () => {
  expect(() => kernels.run('nothing', 1, [])).toThrow(/no kernel 'nothing'; there are/)
  kernels.run('mark', 0, [base])
})

test('a trap is an error on whichever thread it happens, and the next call works', () => {
  for (let round = 0; round < 20; round++) {
    expect(() => kernels.run('fail', 8, [base])).toThrow(/unreachable/)
    words().fill(0)
    kernels.run('mark', 8, [base])
    expect(
      words()
        .subarray(0, 8)
        .every((mark) => mark > 0),
    ).toBe(true)
  }
})

test('a trap in a worker alone reaches the caller', () => {
  untilAllThreadsJoin(kernels)
  expect(() => kernels.run('failInThread', numTasks, [base, 200_000])).toThrow(/a kernel failed in a thread: RuntimeError: unreachable/)
})
