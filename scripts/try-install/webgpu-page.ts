import * as tf from '@tensorflow/tfjs'
import '@tensorflow/tfjs-backend-webgpu'
import { registerFlashAttention } from 'flash-attn-tfjs/webgpu'
import { registerTrainingKernels } from 'llama-kernels-tfjs/webgpu'
import { train } from './train.ts'

async function startWebgpu() {
  await tf.setBackend('webgpu')
  registerFlashAttention()
  registerTrainingKernels()
  return { threads: 1 }
}

train(startWebgpu).then(
  (result) => console.log(JSON.stringify(result)),
  (error) => console.log(JSON.stringify({ error: String(error) })),
)
