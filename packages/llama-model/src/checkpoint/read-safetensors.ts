import type { Params } from '../params.ts'
import { checkNames, checkTensor, type Shapes } from './expected.ts'
import { bytesPerFloat, decodeFloats, type FloatType } from './half.ts'
import { readSeveral } from './read-several.ts'
import { cutOff, readTensor } from './read-tensor.ts'
import { type Entry, parseHeader } from './safetensors-header.ts'
import type { ByteStream } from './source.ts'
import { hasSharedHeap } from './target.ts'

const maxHeaderBytes = 100e6 // as in the reference implementation

/** Reads the weights of one file into `loaded`; `complete`: it must hold all of them. Returns how they were stored. */
export async function readSafetensors(
  who: string,
  stream: ByteStream,
  shapes: Shapes,
  loaded: Params,
  complete: boolean,
): Promise<FloatType[]> {
  const { entries, start } = await readHeader(who, stream)
  for (const entry of entries) checkTensor(who, entry, shapes, loaded)
  const names = entries.map(({ name }) => name)
  if (complete) checkNames(who, shapes, names)
  const types = entries.map(({ type }) => type)
  if (stream.readAt && hasSharedHeap() && types.every((type) => type === 'F32')) {
    await readSeveral(who, stream.readAt, entries, start, (name) => shapes.has(name), loaded)
    return types
  }
  for (const { name, type, shape, bytes } of entries) {
    if (!shapes.has(name)) await skip(who, stream, name, bytes)
    else loaded[name] = await readTensor(who, stream, { name, shape, bytes, block: blocks[type] })
  }
  return types
}

const floats = (type: FloatType) => ({
  valuesPerBlock: 1,
  bytesPerBlock: bytesPerFloat[type],
  decode: (bytes: Uint8Array<ArrayBuffer>, into: Float32Array) => decodeFloats(bytes, type, into),
})
const blocks = { F32: floats('F32'), F16: floats('F16'), BF16: floats('BF16') }

/** Tensors, and where the first begins. */
async function readHeader(who: string, stream: ByteStream): Promise<{ entries: Entry[]; start: number }> {
  const first = new Uint8Array(8)
  if ((await stream.read(first)) < 8) throw cutOff(who, 'it has not even a header')
  const length = Number(new DataView(first.buffer).getBigUint64(0, true))
  if (length > maxHeaderBytes) {
    throw new RangeError(`${who}: its header would have ${length} bytes, so it is no safetensors file, or damaged.`)
  }
  if (stream.size !== undefined && 8 + length > stream.size) throw cutOff(who, 'it ends within the header')
  const json = new Uint8Array(length)
  if ((await stream.read(json)) < length) throw cutOff(who, 'it ends within the header')
  const entries = parseHeader(who, new TextDecoder().decode(json))
  const size = entries.reduce((sum, { bytes }) => sum + bytes, 8 + length)
  if (stream.size !== undefined && stream.size !== size) {
    throw cutOff(who, `it has ${stream.size} bytes, and should have ${size}`)
  }
  return { entries, start: 8 + length }
}

async function skip(who: string, stream: ByteStream, name: string, bytes: number): Promise<void> {
  const part = new Uint8Array(Math.min(bytes, 2 ** 20))
  for (let left = bytes; left > 0; ) {
    const length = await stream.read(part.subarray(0, Math.min(left, part.length)))
    if (length === 0) throw cutOff(who, `'${name}' needs ${bytes} bytes, ${bytes - left} are left`)
    left -= length
  }
}
