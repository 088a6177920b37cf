import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu'
import type { KernelBackend, NamedAttrMap, TensorInfo } from '@tensorflow/tfjs-core'
import type { Inputs } from '../context.ts'

/** The device of tfjs-backend-webgpu, and the pipelines made for it. */
export interface Gpu {
  readonly backend: WebGPUBackend
  readonly device: GPUDevice
  readonly pipelines: Map<string, GPUComputePipeline>
  /** Why the device was lost; empty while it works. */
  lost: string
}

/** One dispatch: a WGSL module whose entry is `main`, its uniforms at binding 0 and its buffers at 1, 2, … */
export interface Dispatch {
  readonly label: string
  readonly code: string
  readonly uniforms: ArrayBuffer
  readonly buffers: readonly TensorInfo[]
  readonly workgroups: number
}

/** @throws TypeError when the backend is not tfjs-backend-webgpu */
export function gpuOf(backend: KernelBackend, backendName: string): Gpu {
  if (!isWebGpu(backend)) {
    throw new TypeError(
      `registerTrainingKernels: the current backend is '${backendName}', not WebGPU; import '@tensorflow/tfjs-backend-webgpu' and await tf.setBackend('webgpu') first.`,
    )
  }
  const { device } = backend
  const gpu: Gpu = gpus.get(device) ?? { backend, device, pipelines: new Map(), lost: '' }
  if (!gpus.has(device)) {
    gpus.set(device, gpu)
    device.lost.then(({ message, reason }) => {
      gpu.lost = message || reason
    })
  }
  return gpu
}

/** A device keeps its pipelines through registrations: they take long to make. */
const gpus = new WeakMap<GPUDevice, Gpu>()

function isWebGpu(backend: KernelBackend): backend is WebGPUBackend {
  return 'device' in backend && 'uploadToGPU' in backend && 'submitQueue' in backend
}

/**
 * Runs dispatches in order, in one command buffer of our own. A program of tfjs's own (runWebGPUProgram) has one
 * output; these have up to three, so that what is read is read once.
 * @throws Error when the device was lost
 * @throws RangeError when a buffer is larger than the device can bind
 */
export function dispatch(gpu: Gpu, kernel: string, dispatches: readonly Dispatch[]): void {
  const { backend, device } = gpu
  if (gpu.lost !== '') {
    throw new Error(`${kernel}: the WebGPU device was lost (${gpu.lost}); make a new backend and call registerTrainingKernels() again.`)
  }
  for (const { buffers } of dispatches) for (const tensor of buffers) upload(gpu, kernel, tensor)
  // what tfjs has recorded and not sent yet comes first: it computes our inputs, and may read what our outputs' buffers held before
  backend.ensureCommandEncoderReady()
  backend.endComputePassEncoder()
  backend.submitQueue()
  const encoder = device.createCommandEncoder({ label: kernel })
  const pass = encoder.beginComputePass({ label: kernel })
  const uniforms = dispatches.map((each) => record(gpu, pass, each))
  pass.end()
  device.queue.submit([encoder.finish()])
  for (const buffer of uniforms) backend.bufferManager.releaseBuffer(buffer)
}

function upload({ backend, device }: Gpu, kernel: string, tensor: TensorInfo): void {
  const limit = device.limits.maxStorageBufferBindingSize
  const bytes = 4 * tensor.shape.reduce((size, length) => size * length, 1)
  if (bytes > limit) {
    throw new RangeError(`${kernel}: a tensor [${tensor.shape}] takes ${bytes} bytes; this device binds at most ${limit}. Split the batch.`)
  }
  backend.uploadToGPU(tensor.dataId)
}

/** Returns the buffer of uniforms, to be released when the commands are submitted. */
function record(gpu: Gpu, pass: GPUComputePassEncoder, { label, code, uniforms, buffers, workgroups }: Dispatch): GPUBuffer {
  const { backend, device } = gpu
  const pipeline = gpu.pipelines.get(code) ?? compile(gpu, label, code)
  const uniformBuffer: GPUBuffer = backend.bufferManager.acquireBuffer(
    uniforms.byteLength,
    GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
  )
  device.queue.writeBuffer(uniformBuffer, 0, uniforms)
  const resources = [uniformBuffer, ...buffers.map((tensor) => bufferOf(gpu, label, tensor))]
  const layout = pipeline.getBindGroupLayout(0)
  pass.setPipeline(pipeline)
  pass.setBindGroup(0, device.createBindGroup({ layout, entries: resources.map((buffer, binding) => ({ binding, resource: { buffer } })) }))
  // more workgroups than one axis takes go on the second; shaders skip those above their number of tasks
  const x = Math.min(workgroups, device.limits.maxComputeWorkgroupsPerDimension)
  pass.dispatchWorkgroups(x, Math.ceil(workgroups / x))
  return uniformBuffer
}

function compile({ device, pipelines }: Gpu, label: string, code: string): GPUComputePipeline {
  const module = device.createShaderModule({ label, code })
  const pipeline = device.createComputePipeline({ label, layout: 'auto', compute: { module, entryPoint: 'main' } })
  pipelines.set(code, pipeline)
  return pipeline
}

function bufferOf({ backend }: Gpu, label: string, { dataId }: TensorInfo): GPUBuffer {
  const { resource } = backend.tensorMap.get(dataId)
  if (resource === undefined || !('size' in resource))
    throw new TypeError(`${label}: a tensor is a texture; copy it to a buffer with tf.clone.`)
  return resource
}

/** Makes tensors for `body`; gives back `outputs`, or, when `body` throws, nothing. Scratch always goes. */
export function withTensors(
  { backend }: Gpu,
  outputs: readonly (readonly number[])[],
  scratch: readonly Scratch[],
  body: (outputs: TensorInfo[], scratch: TensorInfo[]) => void,
): TensorInfo[] {
  const made = outputs.map((shape) => backend.makeTensorInfo([...shape], 'float32'))
  const temporary = scratch.map(({ shape, dtype }) => backend.makeTensorInfo([...shape], dtype))
  try {
    body(made, temporary)
    return made
  } catch (error) {
    for (const { dataId } of made) backend.disposeData(dataId)
    throw error
  } finally {
    for (const { dataId } of temporary) backend.disposeData(dataId)
  }
}

export interface Scratch {
  readonly shape: readonly number[]
  readonly dtype: 'float32' | 'int32'
}

/** One kernel: from inputs and attributes to fresh outputs. */
export type GpuKernel = (gpu: Gpu, inputs: Inputs, attrs: NamedAttrMap) => TensorInfo | TensorInfo[]
