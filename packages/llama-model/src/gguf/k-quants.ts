import { halfAt } from '../checkpoint/half.ts'
import type { BlockType } from './block-types.ts'

const valuesPerBlock = 256

/**
 * 8 groups of 32 with a 6-bit scale and minimum each: `d·scale·q − dmin·minimum`. Bytes of a block: d and dmin (F16), 12 of scales and
 * minima, for 5 bits 32 of highest bits (bit g for group g), 128 of nibbles (groups 2k and 2k + 1 share 32 bytes).
 * @see llama.cpp, ggml-quants.c, `dequantize_row_q4_K`, `dequantize_row_q5_K`
 */
function scaledGroups(name: string, bits: 4 | 5): BlockType {
  const highAt = 16
  const lowAt = bits === 5 ? 48 : 16
  const bytesPerBlock = lowAt + 128
  return {
    name,
    valuesPerBlock,
    bytesPerBlock,
    decode(bytes, into) {
      const blocks = bytes.length / bytesPerBlock
      for (let block = 0; block < blocks; block++) {
        const from = block * bytesPerBlock
        const d = halfAt(bytes, from)
        const dmin = halfAt(bytes, from + 2)
        for (let group = 0; group < 8; group++) {
          const [scale, minimum] = scaleAndMinimum(bytes, from + 4, group)
          const factor = Math.fround(d * scale)
          const offset = Math.fround(dmin * minimum)
          const nibblesAt = from + lowAt + (group >> 1) * 32
          const shift = (group & 1) * 4
          const to = block * valuesPerBlock + group * 32
          for (let i = 0; i < 32; i++) {
            const high = bits === 5 ? ((bytes[from + highAt + i]! >>> group) & 1) << 4 : 0
            const q = ((bytes[nibblesAt + i]! >>> shift) & 15) | high
            into[to + i] = Math.fround(factor * q) - offset
          }
        }
      }
      return into.subarray(0, blocks * valuesPerBlock)
    },
  }
}

/** Of 8 groups in 12 bytes: groups 0–3 in the low 6 bits, 4–7 in nibbles and the upper two bits left over. */
function scaleAndMinimum(bytes: Uint8Array, at: number, group: number): [number, number] {
  const byte = (i: number) => bytes[at + i]!
  if (group < 4) return [byte(group) & 63, byte(group + 4) & 63]
  return [(byte(group + 4) & 15) | ((byte(group - 4) >>> 6) << 4), (byte(group + 4) >>> 4) | ((byte(group) >>> 6) << 4)]
}

export const q4_K = scaledGroups('Q4_K', 4)
export const q5_K = scaledGroups('Q5_K', 5)

/**
 * 16 groups of 16 with a signed 8-bit scale each: `d·scale·(q − 32)`. Bytes of a block: 128 of low nibbles, 64 of upper bit pairs, 16 scales, d.
 * Each half of 128 values has 64 and 32 of them: value `32·k + i` takes nibble `i + 32·(k % 2)`, half `k / 2`, and bit pair `k` of byte `i`.
 * @see llama.cpp, ggml-quants.c, `dequantize_row_q6_K`
 */
export const q6_K: BlockType = {
  name: 'Q6_K',
  valuesPerBlock,
  bytesPerBlock: 210,
  decode(bytes, into) {
    const blocks = bytes.length / 210
    for (let block = 0; block < blocks; block++) {
      const from = block * 210
      const d = halfAt(bytes, from + 208)
      for (let group = 0; group < 16; group++) {
        const factor = Math.fround(d * ((bytes[from + 192 + group]! << 24) >> 24))
        const side = group >> 3
        const k = (group >> 1) & 3
        const start = (group & 1) * 16
        const lowAt = from + side * 64 + (k & 1) * 32 + start
        const highAt = from + 128 + side * 32 + start
        const to = block * valuesPerBlock + group * 16
        for (let i = 0; i < 16; i++) {
          const low = (bytes[lowAt + i]! >>> ((k >> 1) * 4)) & 15
          const high = (bytes[highAt + i]! >>> (k * 2)) & 3
          into[to + i] = factor * ((low | (high << 4)) - 32)
        }
      }
    }
    return into.subarray(0, blocks * valuesPerBlock)
  },
}
