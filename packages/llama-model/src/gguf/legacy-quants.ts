import { halfAt } from '../checkpoint/half.ts'
import type { BlockType } from './block-types.ts'

const valuesPerBlock = 32

/** Blocks of 32 with a scale `d`, for the asymmetric ones a minimum `m`, and for 5 bits the 32 highest bits: `q·d + m`, `q` from `−zero`. */
function nibbles(name: string, { bits, asymmetric }: { readonly bits: 4 | 5; readonly asymmetric: boolean }): BlockType {
  const highAt = asymmetric ? 4 : 2
  const lowAt = bits === 5 ? highAt + 4 : highAt
  const bytesPerBlock = lowAt + 16
  const zero = asymmetric ? 0 : 2 ** (bits - 1)
  return {
    name,
    valuesPerBlock,
    bytesPerBlock,
    decode(bytes, into) {
      const blocks = bytes.length / bytesPerBlock
      for (let block = 0; block < blocks; block++) {
        const from = block * bytesPerBlock
        const to = block * valuesPerBlock
        const d = halfAt(bytes, from)
        const m = asymmetric ? halfAt(bytes, from + 2) : -0 // which changes no number, not even −0
        let high = 0
        if (bits === 5) for (let i = 3; i >= 0; i--) high = (high << 8) | bytes[from + highAt + i]!
        for (let i = 0; i < 16; i++) {
          const byte = bytes[from + lowAt + i]!
          const low = (byte & 15) | (((high >>> i) & 1) << 4)
          const up = (byte >>> 4) | (((high >>> (i + 16)) & 1) << 4)
          into[to + i] = Math.fround(d * (low - zero)) + m
          into[to + i + 16] = Math.fround(d * (up - zero)) + m
        }
      }
      return into.subarray(0, blocks * valuesPerBlock)
    },
  }
}

export const q4_0 = nibbles('Q4_0', { bits: 4, asymmetric: false })
export const q4_1 = nibbles('Q4_1', { bits: 4, asymmetric: true })
export const q5_0 = nibbles('Q5_0', { bits: 5, asymmetric: false })
export const q5_1 = nibbles('Q5_1', { bits: 5, asymmetric: true })

/** Blocks of 32 signed bytes with a scale. */
export const q8_0: BlockType = {
  name: 'Q8_0',
  valuesPerBlock,
  bytesPerBlock: 34,
  decode(bytes, into) {
    const blocks = bytes.length / 34
    for (let block = 0; block < blocks; block++) {
      const from = block * 34
      const d = halfAt(bytes, from)
      for (let i = 0; i < 32; i++) into[block * 32 + i] = d * ((bytes[from + 2 + i]! << 24) >> 24)
    }
    return into.subarray(0, blocks * 32)
  },
}
