// tfjs-backend-webgpu in Chromium.
import '@tensorflow/tfjs-backend-webgpu'
import * as tf from '@tensorflow/tfjs-core'
import { registerFlashAttention } from 'flash-attn-tfjs/webgpu'
import { registerTrainingKernels } from 'llama-kernels-tfjs/webgpu'

if (!(await tf.setBackend('webgpu'))) throw new Error('chromium-webgpu: this browser gives no WebGPU adapter')
registerFlashAttention()
registerTrainingKernels()
