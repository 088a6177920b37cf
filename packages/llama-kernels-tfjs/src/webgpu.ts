import * as tf from '@tensorflow/tfjs-core'
import type { Inputs } from './context.ts'
import { linearCrossEntropy } from './webgpu/cross-entropy.ts'
import { linearCrossEntropyGrad } from './webgpu/cross-entropy-grad.ts'
import { type Gpu, type GpuKernel, gpuOf } from './webgpu/device.ts'
import { adamWStep, swiGlu, swiGluGrad } from './webgpu/elementwise.ts'
import { rmsNorm, rmsNormGrad } from './webgpu/rms-norm.ts'
import { rotaryEmbedding } from './webgpu/rotary.ts'

const trainingKernels = {
  RMSNorm: rmsNorm,
  RMSNormGrad: rmsNormGrad,
  SwiGLU: swiGlu,
  SwiGLUGrad: swiGluGrad,
  RotaryEmbedding: rotaryEmbedding,
  LinearCrossEntropy: linearCrossEntropy,
  LinearCrossEntropyGrad: linearCrossEntropyGrad,
  AdamWStep: adamWStep,
} satisfies Record<string, GpuKernel>

export interface RegisteredKernels {
  /** Takes the kernels out again; the ops are composed of tfjs's own from then on. A second call does nothing. */
  unregister(): void
}

/**
 * Registers the fused steps of a Llama for tfjs-backend-webgpu: RMSNorm, SwiGLU, rotary embedding, cross-entropy without logits, each
 * with its gradient, and AdamW. No atomics: the same bits in every run on a device. Call it once, after
 * `await tf.setBackend('webgpu')`; a second call replaces the first.
 *
 * Targets of the cross-entropy are not checked, for that would wait for the device: one outside the vocabulary counts as logit 0.
 * The kernels throw a RangeError where a tensor is larger than the device can bind, and an Error once the device is lost.
 * @throws TypeError when the current backend is not tfjs-backend-webgpu
 */
export function registerTrainingKernels(): RegisteredKernels {
  const backendName = tf.getBackend()
  const gpu = gpuOf(tf.backend(), backendName)
  const configs = Object.entries(trainingKernels).map(([kernelName, kernel]) => ({
    kernelName,
    backendName,
    kernelFunc: kernelFunc(kernelName, kernel, gpu),
  }))
  for (const config of configs) {
    if (tf.getKernel(config.kernelName, backendName)) tf.unregisterKernel(config.kernelName, backendName)
    tf.registerKernel(config)
  }
  return {
    unregister() {
      for (const { kernelName, kernelFunc } of configs) {
        if (tf.getKernel(kernelName, backendName)?.kernelFunc === kernelFunc) tf.unregisterKernel(kernelName, backendName)
      }
    },
  }
}

function kernelFunc(name: string, kernel: GpuKernel, gpu: Gpu): tf.KernelFunc {
  return ({ inputs, attrs, backend }) => {
    if (backend !== gpu.backend) {
      throw new Error(
        `${name}: the WebGPU backend was replaced since registerTrainingKernels(); call it again after tf.setBackend('webgpu').`,
      )
    }
    return kernel(gpu, inputs as Inputs, attrs ?? {})
  }
}
