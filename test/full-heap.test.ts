// A heap without room: calls say what they needed and what there was, leave nothing behind, and work again once there is room.
import * as wasm from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { flashAttention } from 'flash-attn-tfjs'
import { registerFlashAttention } from 'flash-attn-tfjs/wasm'
import { registerTrainingKernels } from 'llama-kernels-tfjs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { shareWasmHeap, type WasmHeap, wasmHeap } from 'wasm-heap-tfjs'

let heap: WasmHeap
let query: tf.Tensor4D
let weight: tf.Tensor2D
beforeAll(async () => {
  await shareWasmHeap(wasm)
  await tf.setBackend('wasm')
  registerFlashAttention({ threads: 2 })
  registerTrainingKernels({ threads: 2 })
  heap = wasmHeap(tf.backend())
  query = tf.randomNormal([1, 256, 2, 64], 0, 1, 'float32', 1)
  weight = tf.randomNormal([256, 128], 0, 1, 'float32', 2)
})
afterAll(() => tf.dispose([query, weight]))

const calls = {
  attention: {
    call: () => flashAttention(query, query, query, { causal: true }),
    needed: '131072 bytes for a tensor of shape [1,256,2,64]',
  },
  'gradient of attention': {
    call: () => tf.grad((q) => flashAttention(q as tf.Tensor4D, query, query, { causal: true }))(query),
    needed: '131072 bytes for a tensor',
  },
  product: { call: () => tf.matMul(weight, weight, false, true), needed: '262144 bytes for a tensor of shape [256,256]' },
}

/** Takes all there is, down to blocks of 64 kB; address space only, nothing is written. Returns the way back. */
function fill(): () => void {
  const held: number[] = []
  for (let bytes = 2 ** 30; bytes >= 2 ** 16; bytes /= 2) {
    try {
      for (;;) held.push(heap.allocate(bytes))
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
  }
  return () => {
    for (const address of held.reverse()) heap.free(address)
  }
}

test.each(Object.entries(calls))('%s', (_name, { call, needed }) => {
  const bytes = () => {
    const result = call()
    const values = [...result.dataSync()]
    result.dispose()
    return values
  }
  const before = bytes()
  const tensors = tf.memory().numTensors
  const release = fill()
  for (let i = 0; i < 3; i++) {
    expect(call).toThrow(`wasm heap is full: ${needed}`)
    expect(call).toThrow(/do not fit\. The heap has (3\d{3}|409\d) MiB of at most 4096; tensors hold \d+, scratch (3\d{3}|409\d)\./)
  }
  expect(tf.memory().numTensors).toBe(tensors)
  release()
  expect(bytes()).toEqual(before) // the same bits, and inputs untouched
})
