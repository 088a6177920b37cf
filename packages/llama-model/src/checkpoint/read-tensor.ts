import * as tf from '@tensorflow/tfjs-core'
import type { ByteStream } from './source.ts'

/** How the numbers of a tensor lie in a file. */
export interface StoredTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly bytes: number
  /** Numbers come in blocks of so many, each of so many bytes, which are decoded by themselves. */
  readonly block: {
    readonly valuesPerBlock: number
    readonly bytesPerBlock: number
    /** The numbers of whole blocks; they may lie in `into`, which has room for them. */
    decode(bytes: Uint8Array<ArrayBuffer>, into: Float32Array): Float32Array
  }
  /** Where each row of the file belongs; default: where it is. */
  readonly rows?: { readonly length: number; readonly place: (row: number) => number } | undefined
}

const partValues = 2 ** 18

/**
 * Reads a tensor in parts of about a megabyte, each of which goes to its place at once: host memory holds one part besides the tensor.
 * @throws RangeError that starts with `who` when the file ends too early
 */
export async function readTensor(who: string, stream: ByteStream, stored: StoredTensor): Promise<tf.Tensor> {
  const { name, shape, bytes, block, rows } = stored
  const size = shape.reduce((product, length) => product * length, 1)
  const unit = rows?.length ?? block.valuesPerBlock
  const step = Math.min(size, Math.max(1, Math.floor(partValues / unit)) * unit)
  const buffer = new Uint8Array((step / block.valuesPerBlock) * block.bytesPerBlock)
  const scratch = new Float32Array(step)
  const target = makeTarget(shape)
  try {
    for (let start = 0; start < size; start += step) {
      const length = Math.min(step, size - start)
      const part = buffer.subarray(0, (length / block.valuesPerBlock) * block.bytesPerBlock)
      const read = await stream.read(part)
      if (read < part.length) {
        const left = (start / block.valuesPerBlock) * block.bytesPerBlock + read
        throw cutOff(who, `'${name}' needs ${bytes} bytes, ${left} are left`)
      }
      const values = block.decode(part, scratch)
      const all = target.values()
      if (!rows) all.set(values, start)
      else for (let at = 0; at < length; at += unit) all.set(values.subarray(at, at + unit), rows.place((start + at) / unit) * unit)
    }
  } catch (error) {
    target.tensor().dispose()
    throw error
  }
  return target.tensor()
}

export const cutOff = (who: string, how: string) => new RangeError(`${who} is cut off or damaged: ${how}. Download or save it again.`)

interface Target {
  /** To be asked for again after every pause: a wasm heap that grows takes old views with it. */
  values(): Float32Array
  tensor(): tf.Tensor
}

/** The methods of tfjs-backend-wasm that make a tensor whose numbers are written afterwards. */
interface WasmBackend {
  makeOutput(shape: number[], dtype: 'float32'): tf.TensorInfo
  typedArrayFromHeap(info: tf.TensorInfo): Float32Array
}

function makeTarget(shape: readonly number[]): Target {
  const backend = tf.backend() as unknown as Partial<WasmBackend>
  if (!backend.makeOutput || !backend.typedArrayFromHeap) {
    const values = new Float32Array(tf.util.sizeFromShape([...shape]))
    return { values: () => values, tensor: () => tf.tensor(values, [...shape], 'float32') }
  }
  const { makeOutput, typedArrayFromHeap } = backend as WasmBackend
  const info = makeOutput.call(backend, [...shape], 'float32')
  const tensor = tf.engine().makeTensorFromTensorInfo(info)
  const values = () => typedArrayFromHeap.call(backend, info)
  if (values().byteOffset === 0) {
    tensor.dispose() // tfjs-wasm goes on with address 0 when its heap is full
    throw new RangeError(
      `loadPretrained: the wasm heap has no room for a tensor of shape [${shape}]; dispose others, or take another backend.`,
    )
  }
  return { values, tensor: () => tensor }
}
