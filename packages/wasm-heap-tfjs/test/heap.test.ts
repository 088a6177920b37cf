import * as wasm from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { shareWasmHeap, wasmHeap } from 'wasm-heap-tfjs'

beforeAll(async () => {
  expect(await shareWasmHeap(wasm)).toBe(true)
  await tf.setBackend('wasm')
})
const heap = () => wasmHeap(tf.backend())

describe('shareWasmHeap', () => {
  test('gives tfjs a shared heap on which its own kernels still work', async () => {
    expect(heap().shared).toBe(true)
    const product = tf.tidy(() => tf.matMul(tf.tensor2d([1, 2, 3, 4], [2, 2]), tf.tensor2d([5, 6, 7, 8], [2, 2])))
    expect([...(await product.data())]).toEqual([19, 22, 43, 50])
    product.dispose()
  })
  test('refuses a backend that already runs', async () => {
    await expect(shareWasmHeap(wasm)).rejects.toThrow(/before tf.setBackend/)
  })
})

describe('wasmHeap', () => {
  test('is one object per backend and refuses others', () => {
    expect(heap()).toBe(heap())
    for (const other of [null, undefined, {}, tf.engine()]) expect(() => wasmHeap(other)).toThrow(TypeError)
  })
  test('finds the data of a tensor, also after the heap has grown', () => {
    const x = tf.tensor1d([1.5, -2.5, 3.5])
    const before = heap().memory.buffer.byteLength
    const big = tf.zeros([before / 4])
    expect(heap().memory.buffer.byteLength).toBeGreaterThan(before)
    expect([...new Float32Array(heap().memory.buffer, heap().address(x), 3)]).toEqual([1.5, -2.5, 3.5])
    tf.dispose([x, big])
  })
  test('makes outputs that the engine can own', async () => {
    const info = heap().makeOutput([2, 2], 'int32')
    new Int32Array(heap().memory.buffer, heap().address(info), 4).set([4, 3, 2, 1])
    const tensor = tf.engine().makeTensorFromTensorInfo(info)
    expect([...(await tensor.data())]).toEqual([4, 3, 2, 1])
    tensor.dispose()
  })
  test('aligns scratch, reuses what was freed and knows what it gave out', () => {
    const addresses = [1, 100, 1000].map((bytes) => heap().allocate(bytes))
    for (const address of addresses) expect(address % 64).toBe(0)
    for (const address of addresses) heap().free(address)
    expect(() => heap().free(addresses[0]!)).toThrow(RangeError)
    const size = heap().memory.buffer.byteLength
    for (let i = 0; i < 2000; i++) heap().free(heap().allocate(2 ** 20))
    expect(heap().memory.buffer.byteLength).toBe(size)
  })
  test('throws when the heap is full, also out of tfjs while allocations are checked, and works on', async () => {
    const held = [1, 1, 1].map((gib) => heap().allocate(gib * 2 ** 30)) // address space only: nothing is written
    const uncheck = heap().checkAllocations()
    expect(() => heap().allocate(2 ** 30)).toThrow(
      /^wasm heap is full: 1073741888 bytes for scratch do not fit. The heap has \d+ MiB of at most 4096; tensors hold 0, scratch 3072\./,
    )
    expect(() => heap().makeOutput([2 ** 15, 2 ** 15], 'float32')).toThrow(/\[32768,32768\]/)
    expect(() => heap().makeOutput([2 ** 16, 2 ** 16], 'float32')).toThrow(/wasm heap is full/) // 2^34 bytes wrap to 0 in 32 bits
    expect(() => tf.fill([2 ** 28], 1)).toThrow(/wasm heap is full/)
    const size = heap().memory.buffer.byteLength
    for (let i = 0; i < 50; i++) expect(() => heap().allocate(2 ** 30)).toThrow(RangeError) // a refusal leaves nothing behind
    expect(heap().memory.buffer.byteLength).toBe(size)
    uncheck()
    for (const address of held) heap().free(address)
    const sum = tf.tidy(() => tf.sum(tf.add(tf.ones([1000]), 1)))
    expect((await sum.data())[0]).toBe(2000)
    sum.dispose()
  })
})
