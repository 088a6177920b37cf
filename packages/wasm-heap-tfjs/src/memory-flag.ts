// A wasm binary declares its memory as `flags min max`: flags 1 = "has a maximum", 3 = "has a maximum and is shared".
// Changing that one byte is all that separates a module on a private memory from the same module on a shared one.

const importSection = 2
const memorySection = 5
const memoryKind = 2

/** A copy of a kernel module whose imported memory is shared. */
export const shareImportedMemory = (binary: Uint8Array): Uint8Array<ArrayBuffer> => flip(binary, importSection)

/** A copy of a whole program whose own memory is shared. */
export const shareOwnMemory = (binary: Uint8Array): Uint8Array<ArrayBuffer> => flip(binary, memorySection)

function flip(binary: Uint8Array, wanted: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(binary)
  let p = 8 // after the magic number and the version
  const leb128 = () => {
    let value = 0
    for (let shift = 0, byte = 0x80; byte & 0x80; shift += 7) {
      byte = bytes[p++] ?? 0
      value |= (byte & 0x7f) << shift
    }
    return value
  }
  while (p < bytes.length) {
    const section = bytes[p++]
    const end = leb128() + p
    if (section === wanted) {
      leb128() // how many imports or memories; both kinds of module have exactly one
      if (section === importSection) {
        for (let name = 0; name < 2; name++) {
          const length = leb128()
          p += length
        }
        if (bytes[p++] !== memoryKind) break
      }
      if (bytes[p] !== 1) break
      bytes[p] = 3
      return bytes
    }
    p = end
  }
  throw new TypeError('wasm-heap-tfjs: the binary declares no memory with a maximum, so its memory cannot be shared.')
}
