import os from 'node:os'
import '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { loadKernels, wasmHeap } from 'wasm-heap-tfjs'
import { tinyModule } from './tiny-module.ts'

beforeAll(() => tf.setBackend('wasm'))
const binaries = { simd: tinyModule, relaxedSimd: tinyModule }

test('a heap that is not shared runs kernels on one thread, and refuses more', () => {
  const heap = wasmHeap(tf.backend())
  expect(heap.shared).toBe(false)
  const kernels = loadKernels(heap, binaries, { threads: 1 })
  expect(kernels.threads).toBe(1)
  const base = heap.allocate(8192)
  new Int32Array(heap.memory.buffer, base, 10).fill(0)
  kernels.run('mark', 10, [base])
  expect([...new Int32Array(heap.memory.buffer, base, 10)]).toEqual(Array(10).fill(1))
  heap.free(base)
  expect(() => loadKernels(heap, binaries, { threads: 2 })).toThrow(/shareWasmHeap/)
  for (const threads of [0, -1, 1.5, Number.NaN]) expect(() => loadKernels(heap, binaries, { threads })).toThrow(RangeError)
})

describe('the one warning', () => {
  afterEach(() => {
    vi.unstubAllGlobals()
    vi.restoreAllMocks()
    vi.resetModules()
  })
  /** The lines that a fresh copy of the package prints when kernels are loaded twice. */
  async function warnings(cores: number, options: { readonly threads?: number } = {}) {
    const { loadKernels, wasmHeap } = await import('wasm-heap-tfjs')
    vi.spyOn(os, 'availableParallelism').mockReturnValue(cores)
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    for (let i = 0; i < 2; i++) expect(loadKernels(wasmHeap(tf.backend()), binaries, options).threads).toBe(1)
    const lines = warn.mock.calls.map(([line]) => line)
    warn.mockClear() // test/setup.ts counts what is left
    return lines
  }

  test('names the missing call in Node', async () => {
    expect(await warnings(4)).toEqual([expect.stringMatching(/one thread.*await shareWasmHeap\(wasm\) before.*threads: 1 to silence/)])
  })
  test('names the headers on a page that is not cross-origin isolated', async () => {
    vi.stubGlobal('crossOriginIsolated', false)
    expect(await warnings(4)).toEqual([
      expect.stringMatching(/Cross-Origin-Opener-Policy: same-origin.*Cross-Origin-Embedder-Policy: require-corp/),
    ])
  })
  test('is silent when one thread is asked for, or there is one core', async () => {
    expect(await warnings(4, { threads: 1 })).toEqual([])
    expect(await warnings(1)).toEqual([])
  })
})

test('a page without SharedArrayBuffer runs kernels', async () => {
  vi.resetModules()
  vi.stubGlobal('SharedArrayBuffer', undefined)
  const { loadKernels, wasmHeap } = await import('wasm-heap-tfjs')
  const heap = wasmHeap(tf.backend())
  const kernels = loadKernels(heap, binaries, { threads: 1 })
  const base = heap.allocate(64)
  new Int32Array(heap.memory.buffer, base, 3).fill(0)
  kernels.run('mark', 3, [base])
  expect([...new Int32Array(heap.memory.buffer, base, 3)]).toEqual([1, 1, 1])
  heap.free(base)
  vi.unstubAllGlobals()
})
