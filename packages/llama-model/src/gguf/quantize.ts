import { encodeFloats } from '../checkpoint/half.ts'

const valuesPerBlock = 32
const bytesPerBlock = 34

/** Blocks of 32 signed bytes with the scale `max|x| / 127`; halves round away from zero. @see ggml-quants.c, `quantize_row_q8_0_ref` */
export function encodeQ8(values: Float32Array): Uint8Array {
  const blocks = values.length / valuesPerBlock
  const result = new Uint8Array(blocks * bytesPerBlock)
  const scales = new Float32Array(blocks)
  for (let block = 0; block < blocks; block++) {
    const from = block * valuesPerBlock
    let largest = 0
    for (let i = 0; i < valuesPerBlock; i++) largest = Math.max(largest, Math.abs(values[from + i]!))
    scales[block] = largest / 127
    const inverse = scales[block]! > 0 ? Math.fround(1 / scales[block]!) : 0
    for (let i = 0; i < valuesPerBlock; i++) {
      const scaled = Math.fround(values[from + i]! * inverse)
      result[block * bytesPerBlock + 2 + i] = Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5)
    }
  }
  const halves = encodeFloats(scales, 'F16')
  for (let block = 0; block < blocks; block++) result.set(halves.subarray(2 * block, 2 * block + 2), block * bytesPerBlock)
  return result
}
