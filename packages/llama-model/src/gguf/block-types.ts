import { bytesPerFloat, decodeFloats, type FloatType } from '../checkpoint/half.ts'
import { q4_K, q5_K, q6_K } from './k-quants.ts'
import { q4_0, q4_1, q5_0, q5_1, q8_0 } from './legacy-quants.ts'

/** How ggml stores numbers: in blocks, each of which is decoded by itself. */
export interface BlockType {
  readonly name: string
  readonly valuesPerBlock: number
  readonly bytesPerBlock: number
  /** The numbers of whole blocks; they may lie in `into`, which has room for them. */
  decode(bytes: Uint8Array<ArrayBuffer>, into: Float32Array): Float32Array
}

const floats = (name: FloatType): BlockType => ({
  name,
  valuesPerBlock: 1,
  bytesPerBlock: bytesPerFloat[name],
  decode: (bytes, into) => decodeFloats(bytes, name, into),
})

/** By ggml's numbers for them. @see ggml.h, `enum ggml_type` */
export const blockTypes: ReadonlyMap<number, BlockType> = new Map([
  [0, floats('F32')],
  [1, floats('F16')],
  [2, q4_0],
  [3, q4_1],
  [6, q5_0],
  [7, q5_1],
  [8, q8_0],
  [12, q4_K],
  [13, q5_K],
  [14, q6_K],
  [30, floats('BF16')],
])
