import { cutOff } from '../checkpoint/read-tensor.ts'
import type { PeekableStream } from '../checkpoint/source.ts'
import { type BlockType, blockTypes } from './block-types.ts'
import { Cursor, type Metadata, MoreBytes, maxNameBytes, readMetadata } from './metadata.ts'

/** One tensor of a file. */
export interface GgufTensor {
  readonly name: string
  /** Rows first, as in Hugging Face; the file has it the other way round. */
  readonly shape: readonly number[]
  readonly type: BlockType
  readonly bytes: number
  /** Bytes between the end of the tensor before, or of the header, and this one. */
  readonly gap: number
}

export interface GgufHeader {
  readonly metadata: Metadata
  /** In the order of their bytes. */
  readonly tensors: readonly GgufTensor[]
}

const firstRead = 2 ** 20
const maxHeaderBytes = 100e6 // a vocabulary of 256,000 takes 10
const maxAlignment = 2 ** 16

/**
 * Reads up to the end of the header, which has no length: more is looked at until it is whole.
 * @throws RangeError that starts with `who` when the file is none, damaged, or has a type that cannot be read
 * @see ggml, docs/gguf.md
 */
export async function readHeader(who: string, stream: PeekableStream): Promise<GgufHeader> {
  const size = stream.size ?? Number.POSITIVE_INFINITY
  for (let length = firstRead; ; length *= 2) {
    const bytes = await stream.peek(length)
    const whole = bytes.length < length
    try {
      const cursor = new Cursor(who, bytes, whole ? bytes.length : size)
      const { metadata, infos } = readParts(cursor)
      const header = { metadata, tensors: place(who, infos, cursor.at, alignmentOf(who, metadata)) }
      checkSize(who, header.tensors, cursor.at, stream.size)
      await stream.read(new Uint8Array(cursor.at))
      return header
    } catch (error) {
      if (!(error instanceof MoreBytes)) throw error
      if (whole) throw cutOff(who, 'it ends within the header')
      if (length > maxHeaderBytes)
        throw new RangeError(`${who}: its header would have more than ${maxHeaderBytes} bytes. The file is damaged.`)
    }
  }
}

interface Info {
  readonly name: string
  readonly shape: readonly number[]
  readonly type: BlockType
  readonly bytes: number
  readonly offset: number
}

function readParts(cursor: Cursor): { metadata: Metadata; infos: Info[] } {
  const { who } = cursor
  if (cursor.uint32() !== 0x46554747) throw new RangeError(`${who}: it does not begin with 'GGUF', so it is no GGUF file, or damaged.`)
  const version = cursor.uint32()
  if (version !== 2 && version !== 3) {
    throw new RangeError(`${who}: it is GGUF version ${version}; 2 and 3, little-endian, can be read. Convert it with llama.cpp.`)
  }
  const numTensors = cursor.count('tensors', 24)
  const metadata = readMetadata(cursor, cursor.count('metadata entries', 13))
  const infos: Info[] = []
  for (let i = 0; i < numTensors; i++) infos.push(readInfo(cursor, i))
  return { metadata, infos }
}

function readInfo(cursor: Cursor, i: number): Info {
  const { who } = cursor
  const name = cursor.string(`the name of tensor ${i}`, maxNameBytes)
  const rank = cursor.uint32()
  if (rank < 1 || rank > 4) throw new RangeError(`${who}: tensor '${name}' has ${rank} axes; 1 to 4 are possible. The file is damaged.`)
  const shape = Array.from({ length: rank }, () => cursor.uint64()).reverse()
  const size = shape.reduce((product, length) => product * length, 1)
  const number = cursor.uint32()
  const type = blockTypes.get(number)
  if (!type) {
    const names = Array.from(blockTypes.values(), (known) => known.name).join(', ')
    throw new RangeError(`${who}: tensor '${name}' has ggml type ${number}; ${names} can be read. Convert it with llama-quantize.`)
  }
  if (!Number.isSafeInteger(size) || shape.at(-1)! % type.valuesPerBlock !== 0) {
    throw new RangeError(`${who}: tensor '${name}' (${type.name}) cannot have shape [${shape}]. The file is damaged.`)
  }
  return { name, shape, type, bytes: (size / type.valuesPerBlock) * type.bytesPerBlock, offset: cursor.uint64() }
}

function alignmentOf(who: string, metadata: Metadata): number {
  const alignment = metadata.get('general.alignment') ?? 32
  if (typeof alignment === 'number' && alignment >= 1 && alignment <= maxAlignment && Number.isInteger(alignment)) return alignment
  throw new RangeError(`${who}: general.alignment is ${String(alignment)}; it must be a whole number up to ${maxAlignment}.`)
}

/** Tensors follow each other, each at the next multiple of the alignment. */
function place(who: string, infos: readonly Info[], headerBytes: number, alignment: number): GgufTensor[] {
  const align = (at: number) => Math.ceil(at / alignment) * alignment
  const names = new Set<string>()
  let end = headerBytes - align(headerBytes) // of the tensor before, counted from where the data begins
  return infos
    .toSorted((a, b) => a.offset - b.offset || a.bytes - b.bytes)
    .map(({ name, shape, type, bytes, offset }) => {
      if (names.has(name)) throw new RangeError(`${who}: tensor '${name}' is there twice. The file is damaged.`)
      names.add(name)
      const start = align(end) + 0 // not −0
      if (offset !== start) {
        throw new RangeError(`${who}: the data of tensor '${name}' starts at byte ${offset} instead of ${start}. The file is damaged.`)
      }
      const gap = offset - end
      end = offset + bytes
      return { name, shape, type, bytes, gap }
    })
}

function checkSize(who: string, tensors: readonly GgufTensor[], headerBytes: number, size: number | undefined): void {
  const needed = tensors.reduce((sum, { gap, bytes }) => sum + gap + bytes, headerBytes)
  if (size !== undefined && size < needed) throw cutOff(who, `it has ${size} bytes, and should have ${needed}`)
  if (size !== undefined && size >= needed + maxAlignment) throw cutOff(who, `it has ${size} bytes, and should have only ${needed}`)
}
