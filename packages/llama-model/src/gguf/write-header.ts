/** A metadata entry: key, type and value; lists have the type of their items. */
export type Entry =
  | readonly [key: string, type: 'string', value: string | readonly string[]]
  | readonly [key: string, type: 'uint32' | 'float32', value: number]
  | readonly [key: string, type: 'int32' | 'float32', value: readonly number[]]
  | readonly [key: string, type: 'bool', value: boolean]

export interface HeaderTensor {
  readonly name: string
  /** Rows first. */
  readonly shape: readonly number[]
  /** ggml's number. */
  readonly type: number
}

const alignment = 32
const typeNumbers = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8 } as const
const listNumber = 9
const blockSizes: Readonly<Record<number, readonly [values: number, bytes: number]>> = { 0: [1, 4], 1: [1, 2], 8: [32, 34] }

/** Zeros up to the next multiple of the alignment. */
export const paddingAfter = (bytes: number): Uint8Array => new Uint8Array((alignment - (bytes % alignment)) % alignment)

/** Header of GGUF version 3 for tensors that follow one another, padded to where the first begins. @see ggml, docs/gguf.md */
export function makeHeader(metadata: readonly Entry[], tensors: readonly HeaderTensor[]): Uint8Array {
  const out = new Writer()
  out.bytes(new TextEncoder().encode('GGUF'))
  out.uint32(3)
  out.uint64(tensors.length)
  out.uint64(metadata.length)
  for (const [key, type, value] of metadata) {
    out.string(key)
    const items: readonly (string | number | boolean)[] = Array.isArray(value) ? value : [value]
    if (Array.isArray(value)) {
      out.uint32(listNumber)
      out.uint32(typeNumbers[type])
      out.uint64(items.length)
    } else out.uint32(typeNumbers[type])
    for (const item of items) out.value(type, item)
  }
  let offset = 0
  for (const { name, shape, type } of tensors) {
    out.string(name)
    out.uint32(shape.length)
    for (const size of shape.toReversed()) out.uint64(size)
    out.uint32(type)
    out.uint64(offset)
    const [values, bytes] = blockSizes[type]!
    const length = (shape.reduce((product, size) => product * size, 1) / values) * bytes
    offset += length + paddingAfter(length).length
  }
  out.bytes(paddingAfter(out.length))
  return out.finish()
}

/** Little-endian values one after the other. */
class Writer {
  length = 0
  #buffer = new Uint8Array(2 ** 16)

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#buffer.set(bytes, this.length)
    this.length += bytes.length
  }

  uint32(value: number): void {
    this.#reserve(4).setUint32(this.length, value, true)
    this.length += 4
  }

  uint64(value: number): void {
    this.#reserve(8).setBigUint64(this.length, BigInt(value), true)
    this.length += 8
  }

  string(value: string): void {
    const bytes = new TextEncoder().encode(value)
    this.uint64(bytes.length)
    this.bytes(bytes)
  }

  value(type: keyof typeof typeNumbers, value: string | number | boolean): void {
    if (type === 'string') this.string(String(value))
    else if (type === 'bool') this.bytes(Uint8Array.of(Number(value)))
    else if (type === 'float32') this.uint32(new Uint32Array(Float32Array.of(Number(value)).buffer)[0]!)
    else this.uint32(Number(value) >>> 0)
  }

  finish(): Uint8Array {
    return this.#buffer.slice(0, this.length)
  }

  #reserve(bytes: number): DataView {
    if (this.length + bytes > this.#buffer.length) {
      const larger = new Uint8Array(2 * (this.length + bytes))
      larger.set(this.#buffer)
      this.#buffer = larger
    }
    return new DataView(this.#buffer.buffer)
  }
}
