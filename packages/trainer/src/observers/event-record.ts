/** One event of a TensorBoard file. */
export interface Event {
  /** Since 1970. */
  readonly seconds: number
  readonly step?: number
  /** Of the first event of a file. */
  readonly fileVersion?: string
  readonly scalars?: readonly (readonly [tag: string, value: number])[]
  /** A run (re)starts at `step`: points from there on in other files no longer count. */
  readonly sessionStart?: boolean
}

/**
 * An event as a TFRecord: length (uint64), masked crc32c of the length, the event as a protobuf message, masked crc32c of that.
 * The fields are those of tensorflow/core/util/event.proto: wall_time 1, step 2, file_version 3, summary 5, session_log 7.
 * @see https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
 */
export function eventRecord({ seconds, step, fileVersion, scalars, sessionStart }: Event): Uint8Array {
  const message = Buffer.concat([
    field(1, 1, float64(seconds)),
    ...(step ? [field(2, 0, varint(step))] : []),
    ...(fileVersion === undefined ? [] : [block(3, Buffer.from(fileVersion))]),
    ...(scalars === undefined ? [] : [block(5, Buffer.concat(scalars.map(([tag, value]) => block(1, scalar(tag, value)))))]),
    ...(sessionStart ? [block(7, field(1, 0, varint(1)))] : []), // SessionLog.status = START
  ])
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(message.length))
  return Buffer.concat([length, maskedCrc(length), message, maskedCrc(message)])
}

const scalar = (tag: string, value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return Buffer.concat([block(1, Buffer.from(tag)), field(2, 5, bytes)])
}

function float64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return bytes
}

/** A field's key, then its value; wire types: 0 varint, 1 eight bytes, 2 block, 5 four bytes. */
const field = (number: number, wireType: number, value: Uint8Array) => Buffer.concat([varint(number * 8 + wireType), value])
const block = (number: number, value: Uint8Array) => field(number, 2, Buffer.concat([varint(value.length), value]))

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.from([...bytes, rest])
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1 // Castagnoli's polynomial
  return crc
})

function maskedCrc(bytes: Uint8Array): Buffer {
  let crc = 0xffffffff
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 255]! ^ (crc >>> 8)
  crc = ~crc >>> 0
  const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
  const result = Buffer.alloc(4)
  result.writeUInt32LE(masked)
  return result
}
