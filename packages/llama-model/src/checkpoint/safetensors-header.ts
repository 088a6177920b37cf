import { bytesPerFloat, type FloatType } from './half.ts'

/** One tensor of a file. */
export interface Entry {
  readonly name: string
  readonly type: FloatType
  readonly shape: readonly number[]
  readonly bytes: number
}

/** Tensors in the order of their bytes, which follow the header without gaps. Throws a RangeError that starts with `who`. */
export function parseHeader(who: string, json: string): Entry[] {
  const entries: (Entry & { readonly from: number })[] = []
  for (const [name, value] of Object.entries(parseObject(who, json))) {
    if (name === '__metadata__') continue
    const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>
    if (!isWhole(shape) || !isWhole(offsets) || offsets.length !== 2) {
      throw new RangeError(
        `${who}: the header's entry of '${name}' is no tensor: ${JSON.stringify(value)?.slice(0, 200)}. The file is damaged.`,
      )
    }
    if (typeof dtype !== 'string' || !Object.hasOwn(bytesPerFloat, dtype)) {
      throw new RangeError(
        `${who}: tensor '${name}' is ${String(dtype).slice(0, 20)}; F32, F16 and BF16 can be read. Convert it, for example with transformers.`,
      )
    }
    const type = dtype as FloatType
    const bytes = shape.reduce((product, size) => product * size, bytesPerFloat[type])
    const [from, to] = offsets as [number, number]
    if (to - from !== bytes) {
      throw new RangeError(`${who}: tensor '${name}' (${type} [${shape}]) has ${to - from} bytes instead of ${bytes}. The file is damaged.`)
    }
    entries.push({ name, type, shape, bytes, from })
  }
  entries.sort((a, b) => a.from - b.from || a.bytes - b.bytes)
  let end = 0
  for (const { name, from, bytes } of entries) {
    if (from !== end) throw new RangeError(`${who}: tensor '${name}' starts at byte ${from} instead of ${end}. The file is damaged.`)
    end += bytes
  }
  return entries
}

function parseObject(who: string, json: string): object {
  try {
    const value: unknown = JSON.parse(json)
    if (typeof value === 'object' && value !== null) return value
  } catch {
    // said below
  }
  throw new RangeError(`${who}: its header is no JSON object, so it is no safetensors file, or damaged.`)
}

const isWhole = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((size: unknown) => typeof size === 'number' && Number.isSafeInteger(size) && size >= 0)

/** Length and header of a file that holds these tensors one after the other; the data starts 8-byte aligned. */
export function makeHeader(entries: readonly Entry[]): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } }
  let offset = 0
  for (const { name, type, shape, bytes } of entries) {
    header[name] = { dtype: type, shape, data_offsets: [offset, offset + bytes] }
    offset += bytes
  }
  const json = new TextEncoder().encode(JSON.stringify(header))
  const result = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(32)
  new DataView(result.buffer).setBigUint64(0, BigInt(result.length - 8), true)
  result.set(json, 8)
  return result
}
