import type { NamedAttrMap, TensorInfo } from '@tensorflow/tfjs-core'
import type { KernelModule, WasmHeap } from 'wasm-heap-tfjs'

/** What a kernel needs besides its inputs. Made once per registration. */
export interface KernelContext {
  readonly heap: WasmHeap
  readonly kernels: KernelModule
  /** Address of `scratchBytes` for each thread. */
  readonly scratch: number
  readonly scratchBytes: number
  /** Address of the constants of `exp`. */
  readonly table: number
}

export type Inputs = Readonly<Record<string, TensorInfo>>

/** The kernel that ours replaces. */
export type Stock = (inputs: Inputs, attrs: NamedAttrMap) => TensorInfo | TensorInfo[]

/** One kernel: from inputs and attributes to fresh outputs. */
export type Kernel = (context: KernelContext, inputs: Inputs, attrs: NamedAttrMap, stock: Stock) => TensorInfo | TensorInfo[]

/**
 * Allocates float32 outputs of the given shapes and fills them. When an allocation or `fill` fails, everything made here is given
 * back before the error goes on.
 */
export function produce(heap: WasmHeap, shapes: readonly (readonly number[])[], fill: (...addresses: number[]) => void): TensorInfo[] {
  const outputs: TensorInfo[] = []
  try {
    for (const shape of shapes) outputs.push(heap.makeOutput(shape, 'float32'))
    fill(...outputs.map(heap.address))
    return outputs
  } catch (error) {
    for (const output of outputs) heap.dispose(output)
    throw error
  }
}

/** Runs `body` with `bytes` of scratch, freed whatever happens. */
export function withScratch(heap: WasmHeap, bytes: number, body: (address: number) => void): void {
  const address = heap.allocate(bytes)
  try {
    body(address)
  } finally {
    heap.free(address)
  }
}

/** The named input; float32 unless said otherwise. @throws TypeError when it is missing or of another type */
export function input(kernel: string, inputs: Inputs, name: string, dtype = 'float32'): TensorInfo {
  const tensor = inputs[name]
  if (!tensor) throw new TypeError(`${kernel}: input '${name}' is missing.`)
  if (tensor.dtype !== dtype) throw new TypeError(`${kernel}: ${name} is ${tensor.dtype}; it must be ${dtype}. Cast it with tf.cast.`)
  return tensor
}

/** @throws RangeError when the tensor's shape is another one: the kernels read memory without looking */
export function expectShape(kernel: string, name: string, tensor: TensorInfo, shape: readonly number[]): void {
  if (tensor.shape.length !== shape.length || tensor.shape.some((size, axis) => size !== shape[axis])) {
    throw new RangeError(`${kernel}: ${name} has shape [${tensor.shape}]; it must be [${shape}].`)
  }
}

export const sizeOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1)
