/** What a GGUF file says of its model, by key. Lists of numbers are typed arrays. */
export type Metadata = ReadonlyMap<string, unknown>

/** The bytes at hand end before the header does. */
export class MoreBytes extends Error {}

/** Reads little-endian values one after the other, never beyond the end of the file. */
export class Cursor {
  at = 0
  readonly who: string
  readonly #bytes: Uint8Array<ArrayBuffer>
  readonly #view: DataView
  readonly #fileSize: number

  constructor(who: string, bytes: Uint8Array<ArrayBuffer>, fileSize: number) {
    this.who = who
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#fileSize = fileSize
  }

  #take(length: number): number {
    if (this.at + length > this.#bytes.length) throw new MoreBytes()
    const from = this.at
    this.at += length
    return from
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  /** Beyond 2⁵³ no longer exact. */
  uint64(): number {
    return Number(this.#view.getBigUint64(this.#take(8), true))
  }

  /** A count of things that take `bytesEach` at least. */
  count(what: string, bytesEach: number): number {
    const count = this.uint64()
    this.#check(`${count} ${what}`, count * bytesEach)
    return count
  }

  string(what: string, maxBytes = Number.POSITIVE_INFINITY): string {
    const length = this.uint64()
    this.#check(`${what}, of ${length} bytes,`, length)
    if (length > maxBytes) throw new RangeError(`${this.who}: ${what} has ${length} bytes; ${maxBytes} are possible. The file is damaged.`)
    const from = this.#take(length)
    return decoder.decode(this.#bytes.subarray(from, from + length))
  }

  /** A number, or a boolean. */
  scalar(type: ScalarType): number | boolean {
    const { bytes, read } = scalars[type]
    return read(this.#view, this.#take(bytes))
  }

  list(what: string, type: ScalarType, length: number): ArrayLike<number> {
    const { bytes, Values } = scalars[type]
    this.#check(`${what}, of ${length} numbers,`, length * bytes)
    const from = this.#take(length * bytes)
    const values: ArrayLike<number> | ArrayLike<bigint> = new Values(this.#bytes.slice(from, this.at).buffer)
    return typeof values[0] === 'bigint' ? Float64Array.from(values as ArrayLike<bigint>, Number) : (values as ArrayLike<number>)
  }

  #check(what: string, bytes: number): void {
    if (this.at + bytes <= this.#fileSize) return
    throw new RangeError(`${this.who} is cut off or damaged: ${what} cannot be in what is left of it. Download or save it again.`)
  }
}

export const maxNameBytes = 1000

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

type ScalarType = keyof typeof scalars
type Read = (view: DataView, at: number) => number | boolean
const scalar = <T>(bytes: number, Values: new (buffer: ArrayBuffer) => T, read: Read) => ({ bytes, Values, read })

/** By GGUF's numbers for them. */
const scalars = {
  0: scalar(1, Uint8Array, (view, at) => view.getUint8(at)),
  1: scalar(1, Int8Array, (view, at) => view.getInt8(at)),
  2: scalar(2, Uint16Array, (view, at) => view.getUint16(at, true)),
  3: scalar(2, Int16Array, (view, at) => view.getInt16(at, true)),
  4: scalar(4, Uint32Array, (view, at) => view.getUint32(at, true)),
  5: scalar(4, Int32Array, (view, at) => view.getInt32(at, true)),
  6: scalar(4, Float32Array, (view, at) => shortest(view.getFloat32(at, true))),
  7: scalar(1, Uint8Array, (view, at) => view.getUint8(at) !== 0),
  10: scalar(8, BigUint64Array, (view, at) => Number(view.getBigUint64(at, true))),
  11: scalar(8, BigInt64Array, (view, at) => Number(view.getBigInt64(at, true))),
  12: scalar(8, Float64Array, (view, at) => view.getFloat64(at, true)),
} as const
const stringType = 8
const listType = 9

/** The number with the fewest digits that float32 cannot tell from `value`: 1e-5, not 9.999999747378752e-6. */
function shortest(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return short
  }
  return value
}

export function readMetadata(cursor: Cursor, numEntries: number): Metadata {
  const { who } = cursor
  const metadata = new Map<string, unknown>()
  for (let i = 0; i < numEntries; i++) {
    const key = cursor.string(`the key of metadata entry ${i}`, maxNameBytes)
    if (metadata.has(key)) throw new RangeError(`${who}: metadata '${key}' is there twice. The file is damaged.`)
    metadata.set(key, readValue(cursor, key, cursor.uint32()))
  }
  return metadata
}

function readValue(cursor: Cursor, key: string, type: number): unknown {
  if (type === stringType) return cursor.string(`metadata '${key}'`)
  if (type === listType) return readList(cursor, key)
  if (isScalar(type)) return cursor.scalar(type)
  throw new RangeError(`${cursor.who}: metadata '${key}' has type ${type}, which does not exist. The file is damaged.`)
}

/** Strings, or numbers; no model needs lists of lists. */
function readList(cursor: Cursor, key: string): unknown {
  const type = cursor.uint32()
  if (isScalar(type)) return cursor.list(`metadata '${key}'`, type, cursor.uint64())
  if (type !== stringType) {
    throw new RangeError(
      `${cursor.who}: metadata '${key}' is a list of type ${type}; strings and numbers can be read. The file is damaged.`,
    )
  }
  const length = cursor.count(`strings of metadata '${key}'`, 8)
  const strings: string[] = []
  for (let i = 0; i < length; i++) strings.push(cursor.string(`string ${i} of metadata '${key}'`))
  return strings
}

const isScalar = (type: number): type is ScalarType => Object.hasOwn(scalars, type)
