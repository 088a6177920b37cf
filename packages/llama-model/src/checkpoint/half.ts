/** How a float is stored in safetensors. */
export type FloatType = 'F32' | 'F16' | 'BF16'

export const bytesPerFloat: Readonly<Record<FloatType, number>> = { F32: 4, F16: 2, BF16: 2 }

/** Little-endian bytes as float32 numbers; exact. They lie in `bytes` where those are float32 already and aligned, otherwise in `into`. */
export function decodeFloats(
  bytes: Uint8Array<ArrayBuffer>,
  type: FloatType,
  into: Float32Array = new Float32Array(bytes.length / bytesPerFloat[type]),
): Float32Array {
  if (type === 'F32') return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)
  const bits = new Uint32Array(into.buffer, into.byteOffset, halves.length)
  if (type === 'F16') decodeHalves(halves, bits, into)
  else for (let i = 0; i < halves.length; i++) bits[i] = halves[i]! << 16
  return into.subarray(0, halves.length)
}

/** Exponent and fraction, put where a float32 has its own, make a number 2¹¹² times too small, subnormal ones too; `bits` are those of `into`. */
function decodeHalves(halves: Uint16Array, bits: Uint32Array, into: Float32Array): void {
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i]!
    bits[i] = ((half & 0x8000) << 16) | ((half & 0x7fff) << 13)
    const value = into[i]! * 2 ** 112
    into[i] = Math.abs(value) < 65_536 ? value : halfToFloat(half) // infinite, or not a number
  }
}

let halfTable: Float32Array | undefined

/** Value of the 16 bits of an F16. */
export function halfToFloat(bits: number): number {
  halfTable ??= Float32Array.from({ length: 2 ** 16 }, (_, half) => fromHalf(half))
  return halfTable[bits]!
}

function fromHalf(half: number): number {
  const exponent = (half >> 10) & 31
  const fraction = half & 1023
  const magnitude =
    exponent === 0
      ? fraction * 2 ** -24
      : exponent === 31
        ? fraction > 0
          ? Number.NaN
          : Number.POSITIVE_INFINITY
        : (1024 + fraction) * 2 ** (exponent - 25)
  return half & 0x8000 ? -magnitude : magnitude
}

/** Float32 numbers as little-endian bytes, rounded to the nearest, ties to even. Beyond the range of F16 (65,504) they become infinite. */
export function encodeFloats(values: Float32Array, type: FloatType): Uint8Array {
  if (type === 'F32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const halves = new Uint16Array(values.length)
  const convert = type === 'BF16' ? toBrainFloat : toHalf
  for (let i = 0; i < halves.length; i++) halves[i] = convert(bits[i]!)
  return new Uint8Array(halves.buffer)
}

function toBrainFloat(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40 // NaN stays NaN
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
}

function toHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x47800000) return sign | 0x7c00
  if (magnitude < 0x38800000) {
    // below the smallest normal half, 2^-14: a multiple of 2^-24
    const shift = 126 - (magnitude >>> 23)
    if (shift > 24) return sign
    const mantissa = (magnitude & 0x7fffff) | 0x800000
    return sign | roundShift(mantissa, shift)
  }
  return sign | roundShift(magnitude - 0x38000000, 13)
}

/** `value / 2^shift`, rounded to the nearest whole number, ties to even. */
function roundShift(value: number, shift: number): number {
  const half = 2 ** (shift - 1)
  const quotient = Math.floor(value / (2 * half))
  const rest = value - quotient * 2 * half
  return quotient + (rest > half || (rest === half && quotient % 2 === 1) ? 1 : 0)
}

/** The float16 that stands, little-endian, at byte `at`. */
export const halfAt = (bytes: Uint8Array, at: number): number => halfToFloat(bytes[at]! | (bytes[at + 1]! << 8))
