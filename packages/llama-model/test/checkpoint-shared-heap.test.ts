// Into a heap that threads share, several tensors are read at a time.
import * as wasm from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { it } from 'vitest'
import { shareWasmHeap } from 'wasm-heap-tfjs'
import { expectSameOnWasm } from './checkpoint-support.ts'

it('a model comes into a shared heap as it was saved', async () => {
  await shareWasmHeap(wasm)
  await tf.setBackend('wasm')
  await expectSameOnWasm(true)
})
