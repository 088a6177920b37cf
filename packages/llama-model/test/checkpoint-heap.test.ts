// Float32 goes from the file to its place in the heap of tfjs-wasm, which grows on the way.
import * as tf from '@tensorflow/tfjs-core'
import { it } from 'vitest'
import { expectSameOnWasm } from './checkpoint-support.ts'
import '@tensorflow/tfjs-backend-wasm'

it('a model comes into a heap as it was saved', async () => {
  await tf.setBackend('wasm')
  await expectSameOnWasm(false)
})
