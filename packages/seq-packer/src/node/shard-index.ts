import { readFileSync } from 'node:fs'

/** Bytes of a file of tokens that share a checksum; whatever is read is checked by such blocks, the first time. */
export const blockBytes = 2 ** 16

/**
 * What lies beside a file of tokens. On disk five counts of 32 bits (a magic number, the version, documents, blocks, bytes of ids), then
 * the arrays in this order, little endian, then the ids in UTF-8.
 */
export interface ShardIndex {
  /** Tokens of each document. */
  readonly lengths: Uint32Array
  /** Where its source stands in the manifest. */
  readonly sources: Uint32Array
  /** Where its id ends in `ids`. */
  readonly idEnds: Uint32Array
  /** CRC-32 of each block. */
  readonly checksums: Uint32Array
  readonly ids: Buffer
}

const magic = 0x58495053 // SPIX
const version = 1
const headWords = 5

export function indexBytes({ lengths, sources, idEnds, checksums, ids }: ShardIndex): Uint8Array {
  const head = Uint32Array.of(magic, version, lengths.length, checksums.length, ids.length)
  return Buffer.concat([head, lengths, sources, idEnds, checksums, ids].map(bytesOf))
}

const bytesOf = (array: Uint8Array | Uint32Array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength)

/** @throws RangeError for a file that is no index. */
export function readIndex(who: string, path: string): { readonly index: ShardIndex; readonly bytes: Uint8Array } {
  const file = readFileSync(path)
  const words = new Uint32Array(file.byteLength >> 2)
  bytesOf(words).set(file.subarray(0, 4 * words.length)) // aligned
  const [found, made, documents = 0, blocks = 0, idBytes = 0] = words
  const array = (from: number, size: number) => words.subarray(headWords + from, headWords + from + size)
  if (found !== magic || made !== version || file.byteLength !== 4 * (headWords + 3 * documents + blocks) + idBytes)
    throw new RangeError(`${who}: ${path} is no index of this version. Delete it and tokenise again: only its shard is made anew.`)
  const index: ShardIndex = {
    lengths: array(0, documents),
    sources: array(documents, documents),
    idEnds: array(2 * documents, documents),
    checksums: array(3 * documents, blocks),
    ids: file.subarray(file.byteLength - idBytes),
  }
  return { index, bytes: file }
}
