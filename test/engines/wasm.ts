// tfjs-backend-wasm in Node: both builds of our kernels, on a heap of its own or on a shared one.
import * as wasm from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { registerFlashAttention } from 'flash-attn-tfjs/wasm'
import { registerTrainingKernels } from 'llama-kernels-tfjs'
import { inject } from 'vitest'
import { shareWasmHeap } from 'wasm-heap-tfjs'

const name = inject('engine')
const threads = name.endsWith('-2') ? 2 : 1
const simd = name.startsWith('wasm-relaxed') ? 'relaxed' : 'simd'
if (threads > 1 && !(await shareWasmHeap(wasm))) throw new Error(`${name}: this Node has no shared memory`)
await tf.setBackend('wasm')
for (const kernels of [registerFlashAttention({ threads, simd }), registerTrainingKernels({ threads, simd })]) {
  if (kernels.threads !== threads || kernels.simd !== simd) throw new Error(`${name} runs ${kernels.simd} on ${kernels.threads} threads`)
}
