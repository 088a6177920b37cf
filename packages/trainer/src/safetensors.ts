import * as tf from '@tensorflow/tfjs-core'
import { nodeModules } from './file-system.ts'

/** Size and hash of a written file. */
export interface FileRecord {
  readonly bytes: number
  readonly sha256: string
}

interface Entry {
  readonly dtype: string
  readonly shape: number[]
  readonly data_offsets: [number, number]
}

const dtypes: Record<string, string> = { float32: 'F32', int32: 'I32' }
const chunkBytes = 64 * 2 ** 20 // one write call takes at most 2 GiB

/** What stands before the data: names sorted, data 8-byte aligned. @throws TypeError for a dtype that cannot be saved. */
export function safetensorsHead(tensors: Record<string, tf.Tensor>): {
  readonly head: Uint8Array<ArrayBuffer>
  readonly names: readonly string[]
} {
  const names = Object.keys(tensors).sort()
  const header: Record<string, Entry | Record<string, string>> = { __metadata__: { format: 'pt' } }
  let offset = 0
  for (const name of names) {
    const { dtype, shape, size } = tensors[name]!
    if (!dtypes[dtype] || name === '__metadata__')
      throw new TypeError(`saveCheckpoint: tensor '${name}' (${dtype}) cannot be saved; float32 and int32 can.`)
    header[name] = { dtype: dtypes[dtype], shape, data_offsets: [offset, offset + 4 * size] }
    offset += 4 * size
  }
  const json = new TextEncoder().encode(JSON.stringify(header))
  const head = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20)
  new DataView(head.buffer).setBigUint64(0, BigInt(head.length - 8), true)
  head.set(json, 8)
  return { head, names }
}

/**
 * Writes float32 and int32 tensors as safetensors, one tensor in host memory at a time, and waits for the disk.
 * @see https://github.com/huggingface/safetensors#format
 */
export async function writeSafetensors(file: string, tensors: Record<string, tf.Tensor>): Promise<FileRecord> {
  const { fs, crypto } = nodeModules('saveCheckpoint')
  const { head, names } = safetensorsHead(tensors)
  const hash = crypto.createHash('sha256')
  const handle = await fs.open(file, 'w')
  let bytes = 0
  const write = async (part: Uint8Array): Promise<void> => {
    hash.update(part)
    bytes += part.length
    for (let done = 0; done < part.length; ) done += (await handle.write(part, done, Math.min(chunkBytes, part.length - done))).bytesWritten
  }
  try {
    await write(head)
    for (const name of names) {
      const values = await tensors[name]!.data()
      await write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
  return { bytes, sha256: hash.digest('hex') }
}

/** Reads what `writeSafetensors` wrote, tensor by tensor, and compares the hash at the end; on any difference frees all and throws. */
export async function readSafetensors(file: string, expected: FileRecord): Promise<Record<string, tf.Tensor>> {
  const { fs, crypto } = nodeModules('loadCheckpoint')
  const hash = crypto.createHash('sha256')
  const tensors: Record<string, tf.Tensor> = {}
  const handle = await fs.open(file, 'r')
  const read = async (length: number): Promise<Uint8Array<ArrayBuffer>> => {
    const bytes = new Uint8Array(length)
    for (let done = 0; done < length; ) {
      const { bytesRead } = await handle.read(bytes, done, Math.min(chunkBytes, length - done))
      if (bytesRead === 0) throw new RangeError(`loadCheckpoint: ${file} is cut off. Use latestCheckpoint to find a whole one.`)
      done += bytesRead
    }
    hash.update(bytes)
    return bytes
  }
  try {
    const { size } = await handle.stat()
    if (size !== expected.bytes)
      throw new RangeError(`loadCheckpoint: ${file} has ${size} bytes, not ${expected.bytes}. Use latestCheckpoint to find a whole one.`)
    const length = Number(new DataView((await read(8)).buffer).getBigUint64(0, true))
    for (const [name, { dtype, shape, data_offsets }] of entriesOf(file, await read(Math.min(length, size - 8)), size)) {
      const { buffer } = await read(data_offsets[1] - data_offsets[0])
      tensors[name] =
        dtype === 'I32' ? tf.tensor(new Int32Array(buffer), shape, 'int32') : tf.tensor(new Float32Array(buffer), shape, 'float32')
    }
    if (hash.digest('hex') !== expected.sha256)
      throw new RangeError(`loadCheckpoint: the sha256 of ${file} is wrong. Use latestCheckpoint to find a whole one.`)
    return tensors
  } catch (error) {
    tf.dispose(tensors)
    throw error
  } finally {
    await handle.close()
  }
}

/** The tensors of a header whose data follow each other without a gap, as `safetensorsHead` writes them. */
function entriesOf(file: string, bytes: Uint8Array, size: number): [name: string, entry: Entry][] {
  try {
    const header: Record<string, Entry> = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    const entries = Object.entries(header).filter(([name]) => name !== '__metadata__')
    let at = 0
    for (const [name, { dtype, shape, data_offsets }] of entries) {
      const [from, to] = data_offsets
      const known = Object.values(dtypes).includes(dtype) && shape.every((dimension) => Number.isSafeInteger(dimension) && dimension >= 0)
      if (!known || from !== at || to !== at + 4 * tf.util.sizeFromShape(shape)) throw new RangeError(`'${name}' does not fit`)
      at = to
    }
    if (at !== size - 8 - bytes.length) throw new RangeError(`its tensors end at ${at}`)
    return entries
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : cause
    throw new RangeError(`loadCheckpoint: the header of ${file} is damaged (${why}). Use latestCheckpoint to find a whole one.`, { cause })
  }
}
