/** Protobuf messages as bytes. @see https://protobuf.dev/programming-guides/encoding */
export const varint = (n: number): number[] => (n < 128 ? [n] : [(n % 128) | 128, ...varint(Math.floor(n / 128))])
export const integer = (id: number, n: number) => [...varint(id << 3), ...varint(n)]
export const float = (id: number, x: number) => [...varint((id << 3) | 5), ...new Uint8Array(Float32Array.of(x).buffer)]
export const field = (id: number, content: readonly number[]) => [...varint((id << 3) | 2), ...varint(content.length), ...content]
export const text = (id: number, content: string) => field(id, [...new TextEncoder().encode(content)])

/** Parts of a message that is too long for a list of numbers. */
export type Parts = readonly Uint8Array[]
export const lengthOf = (parts: Parts) => parts.reduce((sum, { length }) => sum + length, 0)
export const longField = (id: number, parts: Parts): Parts => [
  Uint8Array.from([...varint((id << 3) | 2), ...varint(lengthOf(parts))]),
  ...parts,
]
