// WebGPU in Node: Dawn (npm 'webgpu') under tfjs-backend-webgpu. Needs a Vulkan driver; Chromium's SwiftShader, on the CPU, will do.
import { existsSync } from 'node:fs'
import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu' // before navigator.gpu exists, so that it registers no backend by itself
import * as tf from '@tensorflow/tfjs-core'
import { create, globals } from 'webgpu'

const swiftShader = '/usr/lib/chromium/vk_swiftshader_icd.json' // where Debian's package chromium puts it
process.env.XDG_RUNTIME_DIR ??= '/tmp' // or Vulkan's loader complains on stderr
if (existsSync(swiftShader)) process.env.VK_DRIVER_FILES ??= swiftShader

Object.assign(globalThis, globals)
const gpu = create([])
Object.defineProperty(globalThis, 'navigator', { value: { ...globalThis.navigator, gpu }, configurable: true })

/** Whether there is a Vulkan driver. */
export const hasAdapter = (await gpu.requestAdapter()) !== null

/**
 * Registers a tfjs backend on a device of its own, with those of the features that the adapter has, and makes it the current one.
 * The device's errors, which WebGPU reports later and to nobody, are collected in `errors`.
 */
export async function startDawn(
  backendName: string,
  features: readonly string[] = [],
): Promise<{ readonly device: GPUDevice; readonly errors: string[] }> {
  const adapter = await gpu.requestAdapter() // an adapter makes one device
  if (adapter === null) throw new Error('startDawn: Vulkan has no adapter here; install chromium, whose SwiftShader is one.')
  const { maxStorageBufferBindingSize, maxBufferSize, maxComputeWorkgroupStorageSize, maxComputeInvocationsPerWorkgroup } = adapter.limits
  const device = await adapter.requestDevice({
    requiredFeatures: features.filter((feature): feature is GPUFeatureName => adapter.features.has(feature)),
    requiredLimits: { maxStorageBufferBindingSize, maxBufferSize, maxComputeWorkgroupStorageSize, maxComputeInvocationsPerWorkgroup },
  })
  const errors: string[] = []
  device.onuncapturederror = ({ error }) => void errors.push(error.message)
  tf.registerBackend(backendName, () => new WebGPUBackend(device, adapter.info))
  await tf.setBackend(backendName)
  return { device, errors }
}
