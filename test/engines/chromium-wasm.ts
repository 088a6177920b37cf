/// <reference types="vite/client" />
// tfjs-backend-wasm in a cross-origin isolated page: tfjs takes its threaded build, our kernels all threads but 2 at most.
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm'
import plain from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url'
import simd from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url'
import threaded from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url'
import * as tf from '@tensorflow/tfjs-core'
import { registerFlashAttention } from 'flash-attn-tfjs/wasm'
import { registerTrainingKernels } from 'llama-kernels-tfjs'

if (!crossOriginIsolated) throw new Error('chromium-wasm: the page is not cross-origin isolated')
setWasmPaths({ 'tfjs-backend-wasm.wasm': plain, 'tfjs-backend-wasm-simd.wasm': simd, 'tfjs-backend-wasm-threaded-simd.wasm': threaded })
await tf.setBackend('wasm')
for (const kernels of [registerFlashAttention({ threads: 2 }), registerTrainingKernels({ threads: 2 })]) {
  if (kernels.threads !== 2) throw new Error(`chromium-wasm runs on ${kernels.threads} threads`)
}
