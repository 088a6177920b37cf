import * as tf from '@tensorflow/tfjs-core'
import { BACKWARD, FORWARD, replaceKernels } from './kernel.ts'
import type { BackwardInputs } from './options.ts'
import { backwardKernel } from './webgpu/backward.ts'
import { type Gpu, gpuOf } from './webgpu/device.ts'
import { forwardKernel } from './webgpu/forward.ts'
import { type Settings, settingsOf } from './webgpu/settings.ts'

export interface FlashAttentionOptions {
  /**
   * Type of the tiles in workgroup memory. 'f16' halves them and rounds queries, keys, values and gradients to 11 bits as they are read;
   * sums stay float32. The device needs the feature 'shader-f16'. Default 'f32'.
   */
  readonly tiles?: 'f32' | 'f16'
}

export interface RegisteredFlashAttention {
  /** Takes the kernels out again; `flashAttention` is composed of tfjs ops from then on. A second call does nothing. */
  unregister(): void
  readonly tiles: 'f32' | 'f16'
  /** Whether rows are reduced with subgroup operations: the device was made with the feature 'subgroups'. */
  readonly subgroups: boolean
}

/**
 * Registers the kernels `FlashAttention` and `FlashAttentionGrad` for tfjs-backend-webgpu: tiles in workgroup memory, memory linear in
 * length, no atomics (the same bits in every run on a device). Call it once, after `await tf.setBackend('webgpu')`; a second call
 * replaces the first.
 *
 * The kernels throw a RangeError where a tensor is larger than the device can bind, and an Error once the device is lost.
 * @throws TypeError when the current backend is not tfjs-backend-webgpu
 * @throws RangeError when 'f16' is asked for on a device without 'shader-f16'
 */
export function registerFlashAttention({ tiles = 'f32' }: FlashAttentionOptions = {}): RegisteredFlashAttention {
  const backendName = tf.getBackend()
  const gpu = gpuOf(tf.backend(), backendName)
  const settings = settingsOf(gpu.device, tiles)
  const unregister = replaceKernels([
    [FORWARD, kernelFunc(FORWARD, forwardKernel, gpu, settings)],
    [BACKWARD, kernelFunc(BACKWARD, backwardKernel, gpu, settings)],
  ])
  return { unregister, tiles, subgroups: settings.subgroups }
}

type Kernel = (gpu: Gpu, settings: Settings, inputs: BackwardInputs, attrs: object | undefined) => tf.TensorInfo[]

function kernelFunc(name: string, kernel: Kernel, gpu: Gpu, settings: Settings): tf.KernelFunc {
  return ({ inputs, attrs, backend }) => {
    if (backend !== gpu.backend) {
      throw new Error(
        `${name}: the WebGPU backend was replaced since registerFlashAttention(); call it again after tf.setBackend('webgpu').`,
      )
    }
    return kernel(gpu, settings, inputs as unknown as BackwardInputs, attrs)
  }
}
