import * as tf from '@tensorflow/tfjs'
import * as wasm from '@tensorflow/tfjs-backend-wasm'
import { registerFlashAttention } from 'flash-attn-tfjs/wasm'
import { registerTrainingKernels } from 'llama-kernels-tfjs'
import { shareWasmHeap } from 'wasm-heap-tfjs'

export async function startWasm() {
  await shareWasmHeap(wasm)
  await tf.setBackend('wasm')
  registerTrainingKernels()
  return registerFlashAttention()
}
