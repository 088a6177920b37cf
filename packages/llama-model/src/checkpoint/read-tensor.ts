import type * as tf from '@tensorflow/tfjs-core'
import type { ByteStream } from './source.ts'
import { makeTarget, type Target } from './target.ts'

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
const wholeBytes = 2 ** 24 // read at once into its place

/**
 * Reads a tensor. Float32 of a local file goes from there to the tensor's own memory; all else in parts of about a megabyte, each of which
 * goes to its place at once: host memory holds one part besides the tensor.
 * @throws RangeError that starts with `who` when the file ends too early
 */
export async function readTensor(who: string, stream: ByteStream, stored: StoredTensor): Promise<tf.Tensor> {
  const { name, shape, bytes, block, rows } = stored
  const isFloat32 = block.valuesPerBlock === 1 && block.bytesPerBlock === 4
  const target = makeTarget(shape)
  try {
    const inPlace = isFloat32 && !rows ? stream.readSync : undefined
    const read = inPlace ? await readInPlace(inPlace, target) : await readInParts(stream, stored, target)
    if (read < bytes) throw cutOff(who, `'${name}' needs ${bytes} bytes, ${read} are left`)
  } catch (error) {
    target.tensor().dispose()
    throw error
  }
  return target.tensor()
}

/** Returns how many bytes there were. */
async function readInPlace(readSync: (bytes: Uint8Array) => number, target: Target): Promise<number> {
  for (let done = 0; ; ) {
    const { buffer, byteOffset, byteLength } = target.values()
    const part = new Uint8Array(buffer, byteOffset + done, Math.min(wholeBytes, byteLength - done))
    const length = readSync(part)
    done += length
    if (done === byteLength || length < part.length) return done
    await new Promise((resolve) => setImmediate(resolve)) // others may run, and the heap grow
  }
}

/** Returns how many bytes there were. */
async function readInParts(stream: ByteStream, { shape, block, rows }: StoredTensor, target: Target): Promise<number> {
  const size = shape.reduce((product, length) => product * length, 1)
  const unit = rows?.length ?? block.valuesPerBlock
  const step = Math.min(size, Math.max(1, Math.floor(partValues / unit)) * unit)
  const buffer = new Uint8Array((step / block.valuesPerBlock) * block.bytesPerBlock)
  const scratch = new Float32Array(step)
  let done = 0
  for (let start = 0; start < size; start += step) {
    const length = Math.min(step, size - start)
    const part = buffer.subarray(0, (length / block.valuesPerBlock) * block.bytesPerBlock)
    const read = await stream.read(part)
    done += read
    if (read < part.length) return done
    const values = block.decode(part, scratch)
    const all = target.values()
    if (!rows) all.set(values, start)
    else for (let at = 0; at < length; at += unit) all.set(values.subarray(at, at + unit), rows.place((start + at) / unit) * unit)
  }
  return done
}

export const cutOff = (who: string, how: string) => new RangeError(`${who} is cut off or damaged: ${how}. Download or save it again.`)
