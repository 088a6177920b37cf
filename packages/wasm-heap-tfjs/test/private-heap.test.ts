import '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, expect, test } from 'vitest'
import { loadKernels, wasmHeap } from 'wasm-heap-tfjs'
import { tinyModule } from './tiny-module.ts'

beforeAll(() => tf.setBackend('wasm'))
const binaries = { simd: tinyModule, relaxedSimd: tinyModule }

test('a heap that is not shared runs kernels on one thread, and says so when asked for more', () => {
  const heap = wasmHeap(tf.backend())
  expect(heap.shared).toBe(false)
  const kernels = loadKernels(heap, binaries)
  expect(kernels.threads).toBe(1)
  const base = heap.allocate(8192)
  new Int32Array(heap.memory.buffer, base, 10).fill(0)
  kernels.run('mark', 10, [base])
  expect([...new Int32Array(heap.memory.buffer, base, 10)]).toEqual(Array(10).fill(1))
  heap.free(base)
  expect(() => loadKernels(heap, binaries, { threads: 2 })).toThrow(/shareWasmHeap/)
  for (const threads of [0, -1, 1.5, Number.NaN]) expect(() => loadKernels(heap, binaries, { threads })).toThrow(RangeError)
})
