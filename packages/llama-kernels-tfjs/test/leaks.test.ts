import * as tf from '@tensorflow/tfjs-core'
import { adamwStep, linearCrossEntropy, rmsNorm, swiGlu } from 'llama-kernels-tfjs'
import { beforeAll, expect, test } from 'vitest'
import { wasmHeap } from 'wasm-heap-tfjs'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { numbers, register, startWasm } from './support.ts'

let blocks = 0 // of the heap, alive

beforeAll(async () => {
  await startWasm()
  const { wasm } = tf.backend() as unknown as { wasm: { _malloc(bytes: number): number; _free(address: number): void } }
  wasm._free(wasm._malloc(8)) // Emscripten's stubs replace themselves at the first call
  const { _malloc: malloc, _free: free } = wasm
  wasm._malloc = (bytes) => {
    const address = malloc(bytes)
    if (address !== 0) blocks++
    return address
  }
  wasm._free = (address) => {
    blocks--
    free(address)
  }
})

/** One step of training through every kernel; returns the loss. */
function step(): number {
  const draw = numbers(3)
  return tf.tidy(() => {
    const ids = tf.tensor1d(
      Int32Array.from({ length: 96 }, (_, i) => (i * 5) % 40),
      'int32',
    )
    const table = tf.tensor2d(draw(40 * 24), [40, 24])
    const loss = (e: tf.Tensor, scale: tf.Tensor, mix: tf.Tensor) => {
      const h = rmsNorm(tf.gather(e, ids), scale as tf.Tensor1D)
      const mixed: tf.Tensor2D = tf.matMul(swiGlu(h, h) as tf.Tensor2D, mix as tf.Tensor2D)
      return linearCrossEntropy(mixed, e as tf.Tensor2D, ids, tf.ones([96]))
    }
    const { value, grads } = tf.valueAndGrads(loss)([table, tf.tensor1d(draw(24)), tf.tensor2d(draw(24 * 24), [24, 24])])
    const zeros = tf.zerosLike(table)
    adamwStep({ param: table, grad: grads[0]!, moment1: zeros, moment2: zeros }, { learningRate: 0.1, step: 1 })
    return value.dataSync()[0]!
  }) as unknown as number
}

test('no tensors and no heap are lost, over many steps', async () => {
  const before = blocks
  const kernels = register({ threads: 2 })
  await expectNoLeaks(() => void step())
  const first = step()
  const size = wasmHeap(tf.backend()).memory.buffer.byteLength
  for (let i = 0; i < 300; i++) expect(step()).toBe(first)
  expect(wasmHeap(tf.backend()).memory.buffer.byteLength).toBe(size)
  kernels.unregister()
  expect(blocks).toBe(before)
})

test('a full heap is an error that leaves everything as it was', () => {
  const before = blocks
  const kernels = register()
  const heap = wasmHeap(tf.backend())
  const expected = step()
  const tensors = tf.memory().numTensors
  const held: number[] = []
  const big = tf.zeros<tf.Rank.R2>([8192, 1024])
  for (let bytes = 2 ** 30; bytes >= 2 ** 24; bytes /= 2) {
    try {
      for (;;) held.push(heap.allocate(bytes))
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError)
    }
  }
  for (let i = 0; i < 5; i++) {
    expect(() => tf.tidy(() => tf.matMul(big, big, true, false).dispose() ?? tf.matMul(big, big, false, true))).toThrow(/wasm heap is full/)
    expect(() => tf.tidy(() => swiGlu(big, big))).toThrow(/wasm heap is full/)
    expect(() => tf.tidy(() => rmsNorm(big, tf.ones([1024])))).toThrow(/wasm heap is full/)
    expect(() => tf.tidy(() => adamwStep({ param: big, grad: big, moment1: big, moment2: big }, { learningRate: 1, step: 1 }))).toThrow(
      /full/,
    )
  }
  big.dispose()
  for (const address of held) heap.free(address)
  expect(tf.memory().numTensors).toBe(tensors)
  expect(step()).toBe(expected)
  kernels.unregister()
  expect(blocks).toBe(before)
})
